//! A scenario as a person sees it: hosts coming up, who answers how often, then expected and seen.

use std::io::IsTerminal as _;

use outrigger_scenario::{Answer, Event, Observer, StepResult, Verdict};

/// A line to standard output.
macro_rules! say {
    ($($words:tt)*) => { crate::print(format_args!("{}\n", format_args!($($words)*))) };
}

/// Columns of a bar that stands for all requests.
const BAR: usize = 30;
/// Kinds of answers that are shown while a step runs.
const LINES: usize = 8;

/// Prints to standard output; on a terminal the counts are redrawn in place.
pub struct Show {
    live: bool,
    /// Lines that the next redraw goes over.
    drawn: usize,
    /// The step that was started last.
    step: usize,
}

impl Show {
    pub fn new(title: &str) -> Show {
        say!("{title}\n");
        Show { live: std::io::stdout().is_terminal(), drawn: 0, step: 0 }
    }

    /// The table at the end.
    pub fn verdict(&mut self, verdict: &Verdict) {
        self.erase();
        say!("\n{:<62} {:>18} {:>26}", "", "expected", "seen");
        for step in &verdict.steps {
            for check in &step.checks {
                let mark = if check.passed { "ok  " } else { "FAIL" };
                let what = shorten(&format!("{}. {}", step.index, check.what), 57);
                say!("{mark} {what:<57} {:>18} {:>26}", check.expected, check.seen);
            }
            if let Some(error) = &step.error {
                say!("FAIL {}. {}: {error}", step.index, step.title);
            }
        }
        if let Some(error) = &verdict.error {
            say!("\nThe run broke off: {error}");
            verdict.logs.iter().for_each(|log| show_log(&log.process, &log.lines));
        }
        if let Some(directory) = &verdict.directory {
            say!("\nlogs and manifests: {}", directory.display());
        }
        let (scenario, engine, seconds) = (&verdict.scenario, verdict.engine, verdict.seconds);
        let word = if verdict.passed { "holds" } else { "DOES NOT HOLD" };
        say!("\n{scenario} {word} on the {engine} engine ({seconds:.1} s)");
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            // Up over what was drawn, then erase to the end of the screen.
            crate::print(format_args!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn answers(&mut self, done: u64, of: u64, answers: &[Answer]) {
        if !self.live {
            return;
        }
        self.erase();
        say!("    {done} of {of}");
        let shown = answers.iter().take(LINES);
        self.drawn = 1 + shown.len();
        shown.for_each(|answer| show_answer(answer, done));
    }

    fn finished(&mut self, step: &StepResult) {
        self.erase();
        if step.index != self.step {
            say!("\n[{}] {}, over its whole time", step.index, step.title);
        }
        let total = step.answers.iter().map(|a| a.count).sum();
        step.answers.iter().take(LINES).for_each(|answer| show_answer(answer, total));
        if step.passed {
            return;
        }
        for check in step.checks.iter().filter(|c| !c.passed) {
            say!("    FAIL {}: expected {}, seen {}", check.what, check.expected, check.seen);
        }
        if let Some(error) = &step.error {
            say!("    FAIL {error}");
        }
        step.diagnostics.iter().for_each(|finding| say!("    {finding}"));
        step.logs.iter().for_each(|log| show_log(&log.process, &log.lines));
    }
}

impl Observer for Show {
    fn event(&mut self, event: Event) {
        match event {
            Event::ControlUp => say!("control plane is up"),
            Event::HostUp { host, addresses, plays } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                say!("{host:<12} {:<16} {plays}", addresses.join(" "));
            }
            Event::HostDown { host } => say!("{host} is gone"),
            Event::StepStarted { index, of, title } => {
                self.step = index;
                say!("\n[{index}/{of}] {title}");
            }
            Event::Answers { done, of, answers, .. } => self.answers(done, of, &answers),
            Event::StepFinished(step) => self.finished(&step),
            Event::Diagnostic(finding) => say!("    {finding}"),
            Event::Note(note) => say!("    {note}"),
        }
    }
}

fn show_answer(answer: &Answer, total: u64) {
    let share = answer.count as f64 / total.max(1) as f64;
    let bar = "█".repeat((share * BAR as f64).round() as usize);
    say!("    {:>7} {:>6.1} %  {bar:<BAR$}  {}", answer.count, share * 100.0, shorten(&answer.text, 70));
}

fn show_log(process: &str, lines: &[String]) {
    say!("    last lines of {process}:");
    lines.iter().for_each(|line| say!("      {line}"));
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
