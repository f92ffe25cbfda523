use std::net::IpAddr;

pub const USAGE: &str = "\
usage: hello --run hello|whoami|versioned|http|tcp [--port 8001] [--version v1] [--name NAME] [--address IP]

  --address   the address to answer with; without it the one that the caller reached
  HTTP_HELLO_BACKEND=HOST[:PORT]   the greeting app asks this one as well (port 8001 if none is named)";

/// Which application to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    Hello,
    Whoami,
    Versioned,
    Http,
    Tcp,
}

impl Run {
    const ALL: [Run; 5] = [Run::Hello, Run::Whoami, Run::Versioned, Run::Http, Run::Tcp];

    pub fn name(self) -> &'static str {
        match self {
            Run::Hello => "hello",
            Run::Whoami => "whoami",
            Run::Versioned => "versioned",
            Run::Http => "http",
            Run::Tcp => "tcp",
        }
    }
}

#[derive(Debug)]
pub struct Args {
    pub run: Run,
    pub port: u16,
    pub version: String,
    pub name: Option<String>,
    pub address: Option<IpAddr>,
    /// `HOST:PORT` of the app to ask in turn.
    pub backend: Option<String>,
}

impl Args {
    /// Reads the command line; `env` looks up environment variables.
    pub fn parse(
        mut words: impl Iterator<Item = String>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Args, String> {
        let backend = env("HTTP_HELLO_BACKEND").filter(|host| !host.is_empty()).map(with_port);
        let mut args = Args {
            run: Run::Hello,
            port: 8001,
            version: "v1".to_owned(),
            name: None,
            address: None,
            backend,
        };
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), value.to_owned()),
                None => {
                    let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
                    (word, value)
                }
            };
            let wrong = || format!("{flag} cannot be {value:?}");
            match flag.as_str() {
                "--run" => {
                    args.run = Run::ALL.into_iter().find(|run| run.name() == value).ok_or_else(wrong)?;
                }
                "--port" => args.port = value.parse().map_err(|_| wrong())?,
                "--address" => args.address = Some(value.parse().map_err(|_| wrong())?),
                "--version" => args.version = value,
                "--name" => args.name = Some(value),
                _ => return Err(format!("unknown option {flag}")),
            }
        }
        Ok(args)
    }
}

/// A backend without a port is the same application elsewhere, which listens on 8001.
fn with_port(host: String) -> String {
    let after_bracket = host.rsplit(']').next().unwrap_or(&host);
    if after_bracket.contains(':') { host } else { format!("{host}:8001") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str], backend: Option<&str>) -> Result<Args, String> {
        Args::parse(words.iter().map(|w| w.to_string()), |_| backend.map(str::to_owned))
    }

    #[test]
    fn a_backend_without_a_port_means_8001() {
        let backend = |text| parse(&[], Some(text)).unwrap().backend.unwrap();
        assert_eq!(backend("hello2-svc.ns"), "hello2-svc.ns:8001");
        assert_eq!(backend("hello2-svc:80"), "hello2-svc:80");
        assert_eq!(backend("[fd00::1]"), "[fd00::1]:8001");
        assert_eq!(backend("[fd00::1]:80"), "[fd00::1]:80");
    }

    #[test]
    fn wrong_words_are_named() {
        assert_eq!(parse(&["--run", "dance"], None).unwrap_err(), "--run cannot be \"dance\"");
        assert_eq!(parse(&["--colour=red"], None).unwrap_err(), "unknown option --colour");
        let args = parse(&["--run=tcp", "--port", "9000"], None).unwrap();
        assert_eq!((args.run, args.port), (Run::Tcp, 9000));
    }
}
