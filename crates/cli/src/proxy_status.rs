//! `outrigger proxy-status`.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::arguments::ProxyStatusArguments;
use crate::{admin, fail, print};

const TYPES: [&str; 4] = ["CDS", "LDS", "EDS", "RDS"];

/// One line for each connected proxy; exit code 0 if the control plane answered.
pub fn run(arguments: &ProxyStatusArguments) -> ExitCode {
    let mut proxies = match admin::get(&arguments.admin, "/debug/syncz") {
        Ok(Value::Array(proxies)) => proxies,
        Ok(_) => return fail(1, "the control plane answered something else than a list of proxies"),
        Err(error) => return fail(1, format_args!("{error:#}")),
    };
    if let Some(name) = &arguments.name {
        proxies.retain(|proxy| text(&proxy["id"]).contains(name) || text(&proxy["name"]).contains(name));
    }
    if arguments.json {
        print(format_args!("{:#}\n", Value::Array(proxies)));
        return ExitCode::SUCCESS;
    }
    if proxies.is_empty() {
        let whose = arguments.name.as_ref().map_or(String::new(), |name| format!(" whose name holds {name}"));
        print(format_args!("no proxy{whose} is connected\n"));
        return ExitCode::SUCCESS;
    }
    let mut rows = vec![["NAME", "ROLE", "CDS", "LDS", "EDS", "RDS", "ADDRESS"].map(str::to_string).to_vec()];
    rows.extend(proxies.iter().map(row));
    let mut out = table(&rows);
    for proxy in &proxies {
        for kind in TYPES {
            if let Some(error) = proxy["types"][kind]["error"].as_str() {
                let _ = writeln!(out, "\n{} refuses {kind}: {error}", text(&proxy["name"]));
            }
        }
    }
    print(out);
    ExitCode::SUCCESS
}

fn row(proxy: &Value) -> Vec<String> {
    let mut row = vec![text(&proxy["name"]).to_string(), text(&proxy["role"]).to_string()];
    row.extend(TYPES.map(|kind| proxy["types"][kind]["state"].as_str().unwrap_or("IGNORED").to_string()));
    let addresses = proxy["addresses"].as_array().into_iter().flatten();
    row.push(addresses.map(text).collect::<Vec<_>>().join(","));
    row
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|n| width(n).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "{}", cells.join("   ").trim_end());
    }
    out
}
