"""A task for any table of data, CSV or Parquet: predict one column from the others."""
