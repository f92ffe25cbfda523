use std::fmt;

/// Hears the course of a decision.
pub trait Trace {
    /// Whether anyone listens; what is only worked out for the listener is skipped otherwise.
    const ENABLED: bool = true;

    /// A candidate was looked at and not taken. `why` is only formatted if someone listens.
    fn rejected(&mut self, candidate: &str, why: fmt::Arguments<'_>);

    /// A candidate was taken.
    fn chosen(&mut self, candidate: &str, why: fmt::Arguments<'_>);
}

/// Hears nothing; calls to it are compiled away.
pub struct NoTrace;

impl Trace for NoTrace {
    const ENABLED: bool = false;

    #[inline(always)]
    fn rejected(&mut self, _: &str, _: fmt::Arguments<'_>) {}

    #[inline(always)]
    fn chosen(&mut self, _: &str, _: fmt::Arguments<'_>) {}
}
