"""An Exchange to try and to test against: it speaks EWS as Exchange does, and knows nothing of mailmine."""
