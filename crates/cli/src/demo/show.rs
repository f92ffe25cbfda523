//! A scenario as a person sees it: hosts coming up, who answers how often, then expected and seen.

use std::io::{IsTerminal as _, Write as _};

use outrigger_scenario::{Answer, Event, Observer, StepResult, Verdict};

/// Columns of a bar that stands for all requests.
const BAR: usize = 30;
/// Kinds of answers that are shown while a step runs.
const LINES: usize = 8;

/// Prints to standard output; on a terminal the counts are redrawn in place.
pub struct Show {
    live: bool,
    /// Lines that the next redraw goes over.
    drawn: usize,
}

impl Show {
    pub fn new(title: &str) -> Show {
        println!("{title}\n");
        Show { live: std::io::stdout().is_terminal(), drawn: 0 }
    }

    /// The table at the end.
    pub fn verdict(&mut self, verdict: &Verdict) {
        self.erase();
        println!("\n{:<62} {:>18} {:>26}", "", "expected", "seen");
        for step in &verdict.steps {
            for check in &step.checks {
                let mark = if check.passed { "ok  " } else { "FAIL" };
                let what = shorten(&format!("{}. {}", step.index, check.what), 57);
                println!("{mark} {what:<57} {:>18} {:>26}", check.expected, check.seen);
            }
            if let Some(error) = &step.error {
                println!("FAIL {}. {}: {error}", step.index, step.title);
            }
        }
        if let Some(error) = &verdict.error {
            println!("\nThe run broke off: {error}");
            verdict.logs.iter().for_each(|log| show_log(&log.process, &log.lines));
        }
        if let Some(directory) = &verdict.directory {
            println!("\nlogs and manifests: {}", directory.display());
        }
        let (scenario, engine, seconds) = (&verdict.scenario, verdict.engine, verdict.seconds);
        let word = if verdict.passed { "holds" } else { "DOES NOT HOLD" };
        println!("\n{scenario} {word} on the {engine} engine ({seconds:.1} s)");
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            // Up over what was drawn, then erase to the end of the screen.
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }

    fn answers(&mut self, done: u64, of: u64, answers: &[Answer]) {
        if !self.live {
            return;
        }
        self.erase();
        println!("    {done} of {of}");
        let shown = answers.iter().take(LINES);
        self.drawn = 1 + shown.len();
        shown.for_each(|answer| show_answer(answer, done));
        let _ = std::io::stdout().flush();
    }

    fn finished(&mut self, step: &StepResult) {
        self.erase();
        let total = step.answers.iter().map(|a| a.count).sum();
        step.answers.iter().take(LINES).for_each(|answer| show_answer(answer, total));
        if step.passed {
            return;
        }
        for check in step.checks.iter().filter(|c| !c.passed) {
            println!("    FAIL {}: expected {}, seen {}", check.what, check.expected, check.seen);
        }
        if let Some(error) = &step.error {
            println!("    FAIL {error}");
        }
        step.diagnostics.iter().for_each(|finding| println!("    {finding}"));
        step.logs.iter().for_each(|log| show_log(&log.process, &log.lines));
    }
}

impl Observer for Show {
    fn event(&mut self, event: Event) {
        match event {
            Event::ControlUp => println!("control plane is up"),
            Event::HostUp { host, addresses, plays } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                println!("{host:<12} {:<16} {plays}", addresses.join(" "));
            }
            Event::HostDown { host } => println!("{host} is gone"),
            Event::StepStarted { index, of, title } => println!("\n[{index}/{of}] {title}"),
            Event::Answers { done, of, answers, .. } => self.answers(done, of, &answers),
            Event::StepFinished(step) => self.finished(&step),
            Event::Diagnostic(finding) => println!("    {finding}"),
            Event::Note(note) => println!("    {note}"),
        }
    }
}

fn show_answer(answer: &Answer, total: u64) {
    let share = answer.count as f64 / total.max(1) as f64;
    let bar = "█".repeat((share * BAR as f64).round() as usize);
    println!("    {:>7} {:>6.1} %  {bar:<BAR$}  {}", answer.count, share * 100.0, shorten(&answer.text, 70));
}

fn show_log(process: &str, lines: &[String]) {
    println!("    last lines of {process}:");
    lines.iter().for_each(|line| println!("      {line}"));
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
