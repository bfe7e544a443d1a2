"""Text in pictures: screenshots and photographed letters."""
