"""Numbers and images for people: tables, figures, gallery, the page."""
