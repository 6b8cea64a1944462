"""Notifying, against a real store, a real SMTP server and a real receiver of webhooks."""
