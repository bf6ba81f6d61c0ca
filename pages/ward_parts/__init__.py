"""Parts of the ward page."""
