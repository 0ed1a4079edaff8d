//! `demo [--with keepalived] [ACT...]`: plays `integration::demo`. `scripts/demo` builds it and gives it a kernel.

use std::process::ExitCode;

use integration::demo::{Director, play};

const USAGE: &str =
    "usage: demo [--with ipvsd|keepalived] [ACT...]      (an ACT is 1, 2 or 3; all of them if none is named)";

fn main() -> ExitCode {
    let mut director = Director::Ipvsd;
    let mut acts = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--with" => match words.next().as_deref() {
                Some("ipvsd") => director = Director::Ipvsd,
                Some("keepalived") => director = Director::Keepalived,
                Some(_) | None => return wrong(),
            },
            "1" => acts.push(1),
            "2" => acts.push(2),
            "3" => acts.push(3),
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => return wrong(),
        }
    }
    if std::env::var_os("IPVSD_LAB").is_none() {
        eprintln!("demo: this wants a kernel of its own: run scripts/demo");
        return ExitCode::from(2);
    }
    let colour = std::env::var("IPVSD_DEMO_COLOUR").is_ok_and(|value| value == "1");
    if play(director, &acts, colour) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
