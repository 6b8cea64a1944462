"""Exchange Web Services: Exchange Server 2010-2019 and SE; Exchange Online until April 2027."""
