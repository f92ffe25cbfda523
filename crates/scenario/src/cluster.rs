//! All hosts of a run and the control plane, and what a scheduler and a kubelet do with them: which
//! pods exist, in which order things start and end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use outrigger_base::constants;

use crate::Options;
use crate::control::Control;
use crate::dns::{self, Names};
use crate::manifests::Manifests;
use crate::model::{HostKind, ObjectRef, Scenario};
use crate::network::{self, Machine, Process};
use crate::observer::{Event, Observer};
use crate::pods::{Stage, pod};
use crate::read::{CONTROL, of_control};
use crate::rundir::RunDirectory;
use crate::running::{RunningHost, State};
use crate::trouble::Trouble;

/// How long the proxies may take to acknowledge a change that the runner makes by itself.
const SETTLE: Duration = Duration::from_secs(20);

/// Everything that runs.
pub struct Cluster {
    hosts: Vec<RunningHost>,
    control: Control,
    manifests: Manifests,
    names: Names,
    options: Options,
}

impl Cluster {
    /// Sets up the network and the control plane with the scenario's manifests; no host runs yet.
    pub async fn create(
        scenario: &Scenario,
        options: Options,
        directory: &RunDirectory,
    ) -> Result<Cluster, Trouble> {
        let control_addresses = of_control(&scenario.hosts);
        network::become_router(control_addresses.iter().any(std::net::IpAddr::is_ipv6))?;
        let names = Names::default();
        let control_machine =
            network::machine(CONTROL, 0, &control_addresses, &etc(CONTROL, "default", directory)?)?;
        let mut hosts = Vec::new();
        for (index, host) in scenario.hosts.iter().enumerate() {
            let etc = etc(&host.name, &host.namespace, directory)?;
            let machine = network::machine(&host.name, index + 1, &host.addresses, &etc)?;
            let table = names.clone();
            machine.call(move || dns::serve(table)).await??;
            hosts.push(RunningHost::new(host.clone(), machine));
        }
        let mut manifests = Manifests::new(&scenario.directory, directory.folder("manifests")?)?;
        for file in &scenario.manifests {
            manifests.apply(file)?;
        }
        let log = directory.log(CONTROL)?;
        let program = &options.outrigger;
        let started =
            Control::start(control_machine, control_addresses, program, manifests.folder(), &log).await?;
        Ok(Cluster { hosts, control: started, manifests, names, options })
    }

    /// A host by its name; scenarios are checked to name only hosts that exist.
    fn host_mut(&mut self, name: &str) -> Result<&mut RunningHost, Trouble> {
        let found = self.hosts.iter_mut().find(|running| running.host.name == name);
        found.ok_or_else(|| Trouble::DoesNotRun(name.to_owned()))
    }

    /// The machine that sends a step's requests, and the domains in which it looks for short names.
    pub fn sender(&self, name: &str) -> Result<(&Machine, Vec<String>), Trouble> {
        let found = self.hosts.iter().find(|running| running.host.name == name);
        let running = found.ok_or_else(|| Trouble::DoesNotRun(name.to_owned()))?;
        Ok((&running.machine, search(&running.host.namespace)))
    }

    /// The processes of a host, of all gateways, and the control plane: whose logs may tell why a
    /// request from that host went wrong.
    pub fn witnesses(&self, host: Option<&str>) -> Vec<&Process> {
        let concerned = self.hosts.iter().filter(|running| {
            Some(running.host.name.as_str()) == host || running.host.kind == HostKind::Gateway
        });
        concerned.flat_map(RunningHost::processes).chain([self.control.process()]).collect()
    }

    /// What the control plane says about the manifests.
    pub async fn diagnostics(&self) -> Vec<String> {
        self.control.diagnostics(self.manifests.folder()).await
    }

    /// Starts every host that is there from the beginning.
    pub async fn boot(&mut self, directory: &RunDirectory, news: &mut dyn Observer) -> Result<(), Trouble> {
        let others = self.hosts.iter().filter(|running| running.host.kind != HostKind::Pod);
        let mut names: Vec<String> = others.map(|running| running.host.name.clone()).collect();
        names.extend(self.schedule());
        self.start_hosts(&names, directory, news).await
    }

    /// Pod hosts that are to come up now: their Deployment is in force and they do not run. Of hosts
    /// that replace one another only one runs, and each next time the next one.
    fn schedule(&self) -> Vec<String> {
        let pods = self.hosts.iter().filter(|running| running.host.kind == HostKind::Pod);
        let firsts = pods.filter(|running| running.host.replaces.is_none());
        firsts.filter_map(|first| self.next_of(first)).collect()
    }

    fn next_of(&self, first: &RunningHost) -> Option<String> {
        if let Some(workload) = &first.host.workload {
            self.manifests.deployment(workload)?;
        }
        let mut line = vec![first];
        while let Some(next) = self
            .hosts
            .iter()
            .find(|running| running.host.replaces.as_ref() == line.last().map(|last| &last.host.name))
        {
            line.push(next);
        }
        if line.iter().any(|running| running.state != State::Down) {
            return None;
        }
        let next = line.iter().find(|running| !running.ran).or(line.last())?;
        Some(next.host.name.clone())
    }

    /// Starts hosts as a kubelet would: the pod is known but not ready, the proxy comes first, then
    /// the app, then the pod is ready.
    async fn start_hosts(
        &mut self,
        names: &[String],
        directory: &RunDirectory,
        news: &mut dyn Observer,
    ) -> Result<(), Trouble> {
        for name in names {
            let workload = self.host_mut(name)?.host.workload.clone();
            let deployment = workload.and_then(|key| self.manifests.deployment(&key).cloned());
            let running = self.host_mut(name)?;
            running.deployment = deployment;
            (running.state, running.ran) = (State::Up, true);
        }
        self.put_pods(names, Stage::Starting)?;
        self.control.reload().await?;
        let Cluster { hosts, control, options, .. } = self;
        let mut starting: Vec<&mut RunningHost> =
            hosts.iter_mut().filter(|running| names.contains(&running.host.name)).collect();
        for running in &mut starting {
            running.start_proxy(control, options, directory).await?;
        }
        for running in &starting {
            running.wait_for_proxy().await?;
        }
        for running in &mut starting {
            running.start_app(options, directory).await?;
        }
        for running in &starting {
            running.wait_for_app().await?;
            let (host, addresses) = (running.host.name.clone(), running.host.addresses.clone());
            news.event(Event::HostUp { host, addresses, plays: running.plays() });
        }
        self.put_pods(names, Stage::Ready)?;
        self.settle().await
    }

    /// Ends hosts as a kubelet would: the pod is terminating, every proxy knows, then the app and the
    /// proxy end, then the pod is gone.
    async fn stop_hosts(&mut self, names: &[String], news: &mut dyn Observer) -> Result<(), Trouble> {
        self.put_pods(names, Stage::Terminating)?;
        self.settle().await?;
        for name in names {
            let running = self.host_mut(name)?;
            for killed in running.stop().await {
                news.event(Event::Note(format!("{killed} did not end by itself and was killed")));
            }
            let is_pod = running.host.kind == HostKind::Pod;
            news.event(Event::HostDown { host: name.clone() });
            if is_pod {
                self.manifests.remove_pod(name)?;
            }
        }
        self.settle().await
    }

    fn put_pods(&self, names: &[String], stage: Stage) -> Result<(), Trouble> {
        let concerned = self.hosts.iter().filter(|running| names.contains(&running.host.name));
        for running in concerned {
            if running.host.kind == HostKind::Pod {
                let object = pod(&running.host, running.deployment.as_ref(), stage);
                self.manifests.put_pod(&running.host.name, &object)?;
            }
        }
        Ok(())
    }

    /// Has the control plane read what was written, waits until every proxy has it, and renews the
    /// names.
    async fn settle(&self) -> Result<(), Trouble> {
        self.control.reload().await?;
        let synced = self.control.wait_synced(SETTLE).await;
        let mut names = self.control.names().await?;
        // A host that the mesh does not know by that name can be asked by its own.
        for running in &self.hosts {
            if names.find(&running.host.name).is_none() {
                names.add(&running.host.name, running.host.addresses.iter().copied());
            }
        }
        self.names.set(names);
        synced
    }

    /// Waits until every proxy has the current state.
    pub async fn wait(&self, within: Duration) -> Result<(), Trouble> {
        self.control.wait_synced(within).await
    }

    /// Applies a file, and starts the pods that it brings.
    pub async fn apply(
        &mut self,
        file: &Path,
        directory: &RunDirectory,
        news: &mut dyn Observer,
    ) -> Result<(), Trouble> {
        self.manifests.apply(file)?;
        let names = self.schedule();
        if names.is_empty() { self.settle().await } else { self.start_hosts(&names, directory, news).await }
    }

    /// Deletes an object, and ends the pods that belong to it.
    pub async fn delete(&mut self, object: &ObjectRef, news: &mut dyn Observer) -> Result<(), Trouble> {
        if !self.manifests.delete(object)? {
            return Err(Trouble::NoSuchObject(object.clone()));
        }
        let owned = self.hosts.iter().filter(|running| {
            running.state != State::Down && running.host.workload.as_ref().is_some_and(|key| object.is(key))
        });
        let names: Vec<String> = owned.map(|running| running.host.name.clone()).collect();
        if names.is_empty() { self.settle().await } else { self.stop_hosts(&names, news).await }
    }

    /// Starts a host that does not run.
    pub async fn start(
        &mut self,
        name: &str,
        directory: &RunDirectory,
        news: &mut dyn Observer,
    ) -> Result<(), Trouble> {
        let running = self.host_mut(name)?;
        if running.state == State::Up {
            return Err(Trouble::RunsAlready(name.to_owned()));
        }
        let workload = running.host.workload.clone();
        if workload.is_some_and(|key| self.manifests.deployment(&key).is_none()) {
            return Err(Trouble::NoDeployment(name.to_owned()));
        }
        self.start_hosts(&[name.to_owned()], directory, news).await
    }

    /// Ends a host in order.
    pub async fn stop(&mut self, name: &str, news: &mut dyn Observer) -> Result<(), Trouble> {
        if self.host_mut(name)?.state != State::Up {
            return Err(Trouble::DoesNotRun(name.to_owned()));
        }
        self.stop_hosts(&[name.to_owned()], news).await
    }

    /// Kills all processes of a host at once; nobody is told.
    pub async fn kill(&mut self, name: &str, news: &mut dyn Observer) -> Result<(), Trouble> {
        let running = self.host_mut(name)?;
        if running.state != State::Up {
            return Err(Trouble::DoesNotRun(name.to_owned()));
        }
        running.kill().await;
        news.event(Event::HostDown { host: name.to_owned() });
        Ok(())
    }
}

fn search(namespace: &str) -> Vec<String> {
    dns::search_domains(namespace, constants::DEFAULT_DOMAIN)
}

/// The files that a machine has in /etc in place of its own.
fn etc(host: &str, namespace: &str, directory: &RunDirectory) -> Result<std::path::PathBuf, Trouble> {
    let folder = directory.folder("etc")?.join(host);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("resolv.conf"), dns::resolv_conf(&search(namespace)))?;
    fs::write(folder.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    // Other ways to look up names would go past the scenario's name server.
    fs::write(folder.join("nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n")?;
    Ok(folder)
}
