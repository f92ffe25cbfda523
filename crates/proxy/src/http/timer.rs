//! Deadlines that nearly never pass. Arming the runtime's timer costs more than the rest of a
//! deadline, so one timer is kept per connection or stream and left armed too early: when it rings
//! before the deadline it is only set anew.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer of the runtime for all deadlines of one task.
#[derive(Debug, Default)]
pub struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who is woken when it rings.
    waker: Option<Waker>,
}

impl Timer {
    /// Ready once `deadline` has passed; `None` never does.
    pub fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if sleep.deadline() > deadline || (sleep.is_elapsed() && sleep.deadline() < deadline) {
                sleep.as_mut().reset(deadline);
                self.waker = None;
            }
            let armed = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if armed && !sleep.is_elapsed() {
                return Poll::Pending;
            }
            self.waker = Some(cx.waker().clone());
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}

/// The earlier of two deadlines.
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_whatever_was_set_before() {
        let start = Instant::now();
        let mut timer = Timer::default();
        let at = |secs| Some(start + Duration::from_secs(secs));
        // Armed for the tenth second, which then is not wanted any more.
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_until(cx, at(10)).is_pending())).await);
        poll_fn(|cx| timer.poll_until(cx, at(60))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        // Armed late, then wanted earlier.
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_until(cx, at(500)).is_pending())).await);
        poll_fn(|cx| timer.poll_until(cx, at(100))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(100));
        poll_fn(|cx| timer.poll_until(cx, at(50))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(100), "a past deadline has passed");
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_until(cx, None).is_pending())).await);
    }
}
