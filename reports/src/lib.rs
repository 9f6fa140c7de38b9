//! Folds of the journal into tables, metrics and pages; reads run folders only
