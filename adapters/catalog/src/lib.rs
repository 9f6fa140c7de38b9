//! Market data on disk: Parquet and CSV sources, importers, the catalog
