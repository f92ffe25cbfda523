//! The HTTP path end to end.
