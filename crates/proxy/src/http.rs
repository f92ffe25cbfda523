//! Requests: reads them from a downstream connection, routes each, carries it upstream.

use std::rc::Rc;
use std::sync::Arc;

use outrigger_traffic::HttpManager;

use crate::downstream::Downstream;
use crate::worker::Worker;

/// Serves a connection until it ends.
pub async fn serve(_downstream: Downstream, _manager: Arc<HttpManager>, _worker: Rc<Worker>) {}
