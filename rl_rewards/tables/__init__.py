"""Tables of samples: JSONL, CSV and Parquet in, scored rows out."""
