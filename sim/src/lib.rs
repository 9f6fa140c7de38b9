//! The `sim` binary, and the facade for users with strategies of their own
