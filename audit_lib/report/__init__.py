"""What a reader sees: tables, figures, page, records."""
