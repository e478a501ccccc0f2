"""Numbers and pictures for people: tables, figures, gallery, the page."""
