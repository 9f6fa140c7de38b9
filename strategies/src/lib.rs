//! Indicators and strategies; sees the model only
