//! Tests that need the whole house
