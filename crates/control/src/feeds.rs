//! The tasks that listen to the sources and pass on what they say, and the way to have them look now.

use std::sync::Arc;
use std::time::Instant;

use outrigger_sources::Directory;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::command::Command;
use crate::mesh_file::{LOOK, MeshFile};
use crate::shared::Shared;

/// Asks a feed to look now; answered when what it found was passed on.
type Ask = oneshot::Sender<()>;

/// Every source's feed.
#[derive(Clone, Default)]
pub struct Feeds {
    asks: Vec<mpsc::Sender<Ask>>,
}

impl Feeds {
    /// Starts a task for each source.
    pub fn start(
        directories: Vec<Directory>,
        settings: Option<MeshFile>,
        shared: &Arc<Shared>,
        tasks: &mut JoinSet<()>,
    ) -> Feeds {
        let mut asks = Vec::new();
        for (source, directory) in directories.into_iter().enumerate() {
            let (ask, asked) = mpsc::channel(8);
            asks.push(ask);
            tasks.spawn(follow_directory(source, directory, asked, shared.clone()));
        }
        if let Some(file) = settings {
            let (ask, asked) = mpsc::channel(8);
            asks.push(ask);
            tasks.spawn(follow_settings(file, asked, shared.clone()));
        }
        Feeds { asks }
    }

    /// Has every source look now. When this is through, the writer was told of everything that was
    /// written before the call.
    pub async fn look(&self) {
        let mut answers = Vec::new();
        for feed in &self.asks {
            let (ask, answer) = oneshot::channel();
            if feed.send(ask).await.is_ok() {
                answers.push(answer);
            }
        }
        for answer in answers {
            // A feed that ended has nothing to add.
            let _ = answer.await;
        }
    }
}

async fn follow_directory(
    source: usize,
    mut directory: Directory,
    mut asked: mpsc::Receiver<Ask>,
    shared: Arc<Shared>,
) {
    let tell = |load| shared.tell(Command::Load { source, load, since: Instant::now() });
    loop {
        tokio::select! {
            load = directory.next() => tell(load),
            ask = asked.recv() => {
                let Some(ask) = ask else { return };
                directory.look().await.into_iter().for_each(tell);
                // Whoever asked may have given up.
                let _ = ask.send(());
            }
        }
    }
}

async fn follow_settings(mut file: MeshFile, mut asked: mpsc::Receiver<Ask>, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ask = tokio::select! {
            _ = ticks.tick() => None,
            ask = asked.recv() => match ask {
                Some(ask) => Some(ask),
                None => return,
            },
        };
        let looked = tokio::task::spawn_blocking(move || {
            let settings = file.look();
            (file, settings)
        });
        let Ok((back, settings)) = looked.await else { return };
        file = back;
        if let Some(settings) = settings {
            shared.tell(Command::Settings(Box::new(settings), Instant::now()));
        }
        if let Some(ask) = ask {
            // Whoever asked may have given up.
            let _ = ask.send(());
        }
    }
}
