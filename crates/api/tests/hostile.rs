//! Text that nobody writes by hand: it must end in complaints, soon, and never in a panic.

#![allow(clippy::unwrap_used)] // In helpers of tests it is as good as in tests.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use outrigger_api::{Parsed, parse, parse_mesh_config};

fn read(text: &str) -> Parsed {
    parse(Path::new("hostile.yaml"), text, "ns")
}

const SEED: &str = r#"# comment
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: vs, labels: {"a/b": 'c', on: 'y'}}
spec:
  hosts: &h [a.b, "*.c"]
  http:
  - match:
    - {uri: {prefix: /a}, headers: {x-a: {regex: "a+"}}, port: 80}
    route:
    - destination: {host: a, port: {number: 0x50}}
      weight: 1_0
    timeout: 1.5s
  - &r
    redirect: {uri: "/\u00e4\n", redirectCode: 0o455}
  - <<: *r
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata:
    name: s
  spec:
    ports: [{port: 80, targetPort: http}]
    trafficDistribution: |
      text
    sessionAffinity: >-
      folded
...
%YAML 1.1
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, creationTimestamp: 2026-01-01T00:00:00Z}
spec: {replicas: 1e0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}
"#;

/// A sequence that is the same in every run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn mutated_manifests_never_end_in_a_panic() {
    let pieces = [
        "---",
        "\n",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&h ",
        "*h",
        "*r",
        "<<: ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "!!int ",
        "!x ",
        "~",
        "null",
        "? ",
        "%",
        "\t",
        "  ",
        "\u{feff}",
        "\u{0}",
        "é",
        "99999999999999999999999",
        "-",
        ".inf",
        "*",
        "spec",
        "hosts: ",
        "@",
        "`",
        ",",
        "\r\n",
        "...\n",
    ];
    assert_eq!(read(SEED).diagnostics, [], "the seed is good");
    let mut dice = Dice(1);
    for _ in 0..5000 {
        let mut text: Vec<char> = SEED.chars().collect();
        for _ in 0..=dice.roll(6) {
            if text.len() < 2 {
                break;
            }
            let at = dice.roll(text.len());
            match dice.roll(4) {
                0 => drop(text.remove(at)),
                1 => text.truncate(at.max(1)),
                2 => drop(text.splice(at..at, pieces[dice.roll(pieces.len())].chars())),
                _ => {
                    let end = (at + dice.roll(40)).min(text.len());
                    let copied = text[at..end].to_vec();
                    let to = dice.roll(text.len());
                    drop(text.splice(to..to, copied));
                }
            }
        }
        let text: String = text.into_iter().collect();
        let parsed = read(&text);
        for object in &parsed.objects {
            object.resource.to_value();
            object.positions.locate("spec.http[0].route[0].weight");
        }
        for found in &parsed.diagnostics {
            assert!(
                found.position.as_ref().is_some_and(|place| place.line > 0 && place.column > 0),
                "{found}"
            );
        }
        parse_mesh_config(Path::new("mesh.yaml"), &text);
    }
}

#[test]
fn aliases_cannot_expand_without_end() {
    let mut text =
        String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes:\n  - &a0 [x, x]\n");
    for level in 1..60 {
        let below = level - 1;
        writeln!(text, "  - &a{level} [*a{below}, *a{below}]").unwrap();
    }
    let start = Instant::now();
    let parsed = read(&text);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(parsed.refused.len(), 1);
    assert!(parsed.diagnostics[0].message.contains("expand to too much"), "{:?}", parsed.diagnostics);

    let long = "y".repeat(1 << 20);
    let many = "*a, ".repeat(10_000);
    let parsed = read(&format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{os: &a {long}, volumes: [{many}]}}"
    ));
    assert!(parsed.diagnostics[0].message.contains("expand to too much"), "{:?}", parsed.diagnostics);
}

#[test]
fn an_alias_inside_of_itself_is_refused() {
    let parsed = read("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: &s {volumes: *s}\n");
    assert_eq!(parsed.objects.len(), 0);
    assert_eq!(parsed.diagnostics.len(), 1);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        for depth in [90, 200, 100_000] {
            let nested = format!("{}{}", open.repeat(depth), close.repeat(depth));
            let parsed =
                read(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{os: {nested}}}\n"));
            assert_eq!(parsed.objects.len(), usize::from(depth == 90), "{depth}");
        }
    }
    let mut text = String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n");
    for depth in 1..500 {
        writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
    }
    assert_eq!(read(&text).objects.len(), 0);
}

#[test]
fn ten_megabytes_are_read_in_seconds() {
    let mut text = String::new();
    let mut count = 0;
    while text.len() < 10 << 20 {
        count += 1;
        write!(
            text,
            "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: entry-{count}\n  \
             namespace: ns\nspec:\n  hosts:\n  - host-{count}.example.com\n  location: MESH_INTERNAL\n  \
             resolution: STATIC\n  ports:\n  - number: 8080\n    name: http\n    protocol: HTTP\n  endpoints:\n",
        )
        .unwrap();
        for endpoint in 0..10 {
            writeln!(
                text,
                "  - address: 10.0.{endpoint}.1\n    labels:\n      version: v{endpoint}\n    weight: 5"
            )
            .unwrap();
        }
    }
    let start = Instant::now();
    let parsed = read(&text);
    let elapsed = start.elapsed();
    assert_eq!(parsed.objects.len(), count);
    assert!(parsed.diagnostics.is_empty());
    // Without optimization, on a busy machine.
    assert!(elapsed < Duration::from_secs(40), "{elapsed:?}");
    println!("{count} objects in {elapsed:?}");
}

#[test]
fn one_document_of_many_fields_is_no_trouble() {
    let mut text = String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n");
    for number in 0..100_000 {
        writeln!(text, "  key-{number}: value").unwrap();
    }
    let start = Instant::now();
    assert_eq!(read(&text).diagnostics.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(20));
}
