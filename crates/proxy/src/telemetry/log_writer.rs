//! Access logs on their way to a file. A worker collects lines in a buffer of its own and hands the
//! buffer over now and then; a thread writes. A worker never waits: where the thread cannot keep up,
//! lines are dropped and counted.

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ahash::AHashMap;
use tokio::sync::Notify;

/// Buffers that wait for the thread; beyond this, lines are dropped.
const QUEUE: usize = 64;
/// A buffer of this size is handed over at once.
const FULL: usize = 64 * 1024;
/// Longest time that a line stays in a worker's buffer.
const PAUSE: Duration = Duration::from_millis(20);

enum Message {
    Lines { path: Arc<str>, bytes: Vec<u8>, lines: u64 },
    Flush(SyncSender<()>),
}

/// The thread that writes. It ends, with everything written, once this and all buffers are gone.
pub(super) struct LogWriter {
    sender: Mutex<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
    _thread: JoinHandle<()>,
}

impl LogWriter {
    pub(super) fn start() -> io::Result<LogWriter> {
        let (sender, receiver) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new().name("access-log".into()).spawn({
            let dropped = dropped.clone();
            move || write_all(&receiver, &dropped)
        })?;
        Ok(LogWriter { sender: Mutex::new(sender), dropped, _thread: thread })
    }

    /// A worker's buffers.
    pub(super) fn buffers(&self) -> LogBuffers {
        LogBuffers {
            sender: self.lock().clone(),
            dropped: self.dropped.clone(),
            by_path: RefCell::default(),
            dirty: Notify::new(),
        }
    }

    /// Lines that were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything that was handed over is written.
    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        let sender = self.lock().clone();
        if sender.send(Message::Flush(done)).is_ok() {
            // An error means that the thread is gone; then there is nothing to wait for.
            let _ = wait.recv();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SyncSender<Message>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's lines that are not handed over yet, by file.
pub(super) struct LogBuffers {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    by_path: RefCell<AHashMap<Arc<str>, Rc<LogBuffer>>>,
    dirty: Notify,
}

/// Lines for one file.
pub(super) struct LogBuffer {
    path: Arc<str>,
    bytes: RefCell<Vec<u8>>,
    lines: Cell<u64>,
}

impl LogBuffers {
    pub(super) fn buffer(&self, path: &Arc<str>) -> Rc<LogBuffer> {
        let mut by_path = self.by_path.borrow_mut();
        let buffer = by_path.entry(path.clone()).or_insert_with(|| {
            Rc::new(LogBuffer { path: path.clone(), bytes: RefCell::default(), lines: Cell::new(0) })
        });
        buffer.clone()
    }

    /// Adds a line.
    pub(super) fn append(&self, buffer: &LogBuffer, line: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = buffer.bytes.borrow_mut();
        let was_empty = bytes.is_empty();
        line(&mut bytes);
        buffer.lines.set(buffer.lines.get() + 1);
        let is_full = bytes.len() >= FULL;
        drop(bytes);
        if is_full {
            self.hand_over(buffer);
        } else if was_empty {
            self.dirty.notify_one();
        }
    }

    /// Hands lines over shortly after they came; runs as long as the worker.
    pub(super) async fn run(&self) {
        loop {
            self.dirty.notified().await;
            tokio::time::sleep(PAUSE).await;
            self.hand_over_all();
        }
    }

    pub(super) fn hand_over_all(&self) {
        for buffer in self.by_path.borrow().values() {
            self.hand_over(buffer);
        }
    }

    fn hand_over(&self, buffer: &LogBuffer) {
        let bytes = buffer.bytes.take();
        let lines = buffer.lines.replace(0);
        if lines == 0 {
            return;
        }
        let message = Message::Lines { path: buffer.path.clone(), bytes, lines };
        if self.sender.try_send(message).is_err() {
            self.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }
}

impl Drop for LogBuffers {
    fn drop(&mut self) {
        self.hand_over_all();
    }
}

fn write_all(receiver: &Receiver<Message>, dropped: &AtomicU64) {
    let mut files: AHashMap<Arc<str>, Option<File>> = AHashMap::new();
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Flush(done) => {
                let _ = done.send(());
            }
            Message::Lines { path, bytes, lines } => {
                if let Err(error) = write(&mut files, &path, &bytes)
                    && dropped.fetch_add(lines, Ordering::Relaxed) == 0
                {
                    tracing::warn!(%path, %error, "cannot write access log lines; they are dropped and counted");
                }
            }
        }
    }
}

fn write(files: &mut AHashMap<Arc<str>, Option<File>>, path: &Arc<str>, bytes: &[u8]) -> io::Result<()> {
    match &**path {
        "/dev/stdout" => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()),
        "/dev/stderr" => io::stderr().write_all(bytes),
        _ => {
            let slot = files.entry(path.clone()).or_default();
            if slot.is_none() {
                *slot = Some(OpenOptions::new().create(true).append(true).open(&**path)?);
            }
            slot.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_reach_the_file_shortly_after_they_were_written() {
        let folder = std::env::temp_dir().join(format!("outrigger-log-{}", std::process::id()));
        let path: Arc<str> = folder.to_str().unwrap().into();
        let writer = LogWriter::start().unwrap();
        let buffers = writer.buffers();
        let buffer = buffers.buffer(&path);
        buffers.append(&buffer, |out| out.extend_from_slice(b"one\n"));
        buffers.append(&buffer, |out| out.extend_from_slice(b"two\n"));
        tokio::select! {
            () = buffers.run() => {}
            () = tokio::time::sleep(PAUSE * 2) => {}
        }
        writer.flush();
        assert_eq!(std::fs::read_to_string(&*path).unwrap(), "one\ntwo\n");
        std::fs::remove_file(&*path).unwrap();
        assert_eq!(writer.dropped(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_opened_costs_its_lines_only() {
        let writer = LogWriter::start().unwrap();
        let buffers = writer.buffers();
        let buffer = buffers.buffer(&"/nonexistent/folder/log".into());
        buffers.append(&buffer, |out| out.extend_from_slice(b"one\n"));
        drop(buffers);
        writer.flush();
        assert_eq!(writer.dropped(), 1);
    }
}
