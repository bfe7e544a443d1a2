"""No labels: texts are classified by the labels' own words, before anything is fine-tuned."""
