"""What is kept, one module per thing kept."""
