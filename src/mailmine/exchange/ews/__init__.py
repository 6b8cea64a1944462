"""Exchange Web Services: Exchange Server 2010-2019 and SE, and Exchange Online until April 2027."""
