//! Polars and Parquet: schemas, builds and point-in-time joins.
