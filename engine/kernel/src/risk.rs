//! Risk: intents in, approvals or denials out.
