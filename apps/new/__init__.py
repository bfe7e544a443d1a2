"""An application of your own: a skeleton that trains, serves, is corrected and rolled back."""
