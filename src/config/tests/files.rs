//! Files that cannot be, and files that come with others.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Code, Context, Severity, SourceError, Texts, beside, brief, bytes, keepalived, load, only, toml};
use crate::config::{Language, Sources};

const ROUTER: &str =
    "vrrp_instance A {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n";

#[test]
fn what_is_no_configuration_is_refused_with_cause_and_remedy() {
    let cases: [(&str, &[u8], Code, &str); 7] = [
        ("a.conf", b"", Code::Empty, "is empty"),
        ("a.toml", b" \n\t\n", Code::Empty, "is empty"),
        ("a.conf", b"\x7fELF\x02\x01\x01\0\0", Code::Binary, "byte 7 is 0"),
        ("a.conf", b"\xff\xfev\0r\0", Code::Binary, "UTF-16"),
        ("a.conf", b"\x89\x90\x91\x92\xa3\xa4abc", Code::Binary, "not text"),
        ("a.toml", b"\0", Code::Binary, "byte 0 is 0"),
        ("a.toml", b"[[service", Code::TomlSyntax, "not TOML"),
    ];
    for (name, text, code, message) in cases {
        let loaded = bytes(name, text);
        assert_eq!(loaded.config, None, "{name}");
        let said = only(&loaded, code);
        assert!(said.message.contains(message), "{}", said.message);
        assert_eq!(said.severity, Severity::Error);
    }
}

/// A file that the operating system refuses.
struct Refused(SourceError);

impl Sources for Refused {
    fn read(&self, _: &Path) -> Result<Vec<u8>, SourceError> {
        Err(self.0.clone())
    }

    fn glob(&self, _: &str) -> Vec<std::path::PathBuf> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_cause_and_remedy() {
    for error in [
        SourceError::Missing,
        SourceError::Forbidden,
        SourceError::Folder,
        SourceError::Special,
        SourceError::TooLarge { size: 100, limit: 10 },
        SourceError::Other("input/output error".to_owned()),
    ] {
        let loaded = load(Path::new("lb.conf"), None, &Refused(error.clone()), &Context::default());
        assert_eq!(loaded.config, None);
        let said = only(&loaded, Code::Unreadable);
        assert_eq!(said.message, format!("cannot read lb.conf: {error}"));
        assert_eq!(said.help, [error.remedy()]);
        assert!(!loaded.report.render(true).is_empty());
    }
}

/// Ten megabytes of whatever, in less than a second; without optimization less text and more patience. What has to be as long
/// as it is to show anything is in [`garbage`](super::garbage).
#[test]
fn garbage_is_given_up_early() {
    let patience = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
    let size = if cfg!(debug_assertions) { 200_000 } else { 10_000_000 };
    let fill = |unit: &str| unit.repeat(size / unit.len());
    for (unit, code) in [
        ("lorem ipsum dolor\n", Code::Hopeless),
        ("lorem ipsum dolor ", Code::UnknownWord),
        ("{", Code::Nesting),
        ("a {\n", Code::Nesting),
        ("}", Code::Unopened),
        ("${", Code::Nesting),
        ("\"", Code::UnknownWord),
        ("$A $A\n", Code::Hopeless),
        ("@x @y\n", Code::Empty),
        ("#", Code::Empty),
        ("\u{a0}", Code::Empty),
        ("global_defs {\nx\n}\n", Code::UnknownWord),
        ("vrrp_instance A {\n", Code::Unclosed),
        ("include x\n", Code::IncludeMissing),
    ] {
        let text = fill(unit);
        let start = Instant::now();
        let loaded = keepalived(&text);
        let rendered = loaded.report.render(false);
        let took = start.elapsed();
        assert!(took < patience, "{unit:?} took {took:?}");
        assert!(rendered.len() < 4_000_000, "{unit:?}: {}", rendered.len());
        let found = loaded.report.diagnostics().iter().any(|diagnostic| diagnostic.code == code);
        assert!(found || code == Code::Empty, "{unit:?}: {:?}", brief(&loaded).first());
    }
    for unit in ["[", "a = [", "[a]\n", "x", "{a={", "\"", "a.", "#\n"] {
        let text = fill(unit);
        let text = text.get(..text.len().min(1_000_000)).unwrap();
        let start = Instant::now();
        let loaded = toml(text);
        assert!(start.elapsed() < patience, "{unit:?} took {:?}", start.elapsed());
        assert!(loaded.report.render(false).len() < 10_000_000, "{unit:?}");
    }
}

/// A thousand services with ten servers each, in both languages.
#[test]
fn large_tables() {
    let (mut conf, mut toml) = (String::new(), String::new());
    for service in 0..1_000 {
        let vip = format!("10.{}.{}.1", service / 250, service % 250);
        conf += &format!(
            "virtual_server {vip} 80 {{\n    delay_loop 6\n    lb_algo wlc\n    lb_kind NAT\n    protocol TCP\n"
        );
        toml += &format!(
            "[[service]]\naddress = \"{vip}:80\"\ncheck = {{ tcp = {{ timeout = \"3s\" }}, interval = \"6s\" }}\n"
        );
        for server in 1..=10 {
            conf += &format!(
                "    real_server 192.0.2.{server} 80 {{\n        weight 1\n        TCP_CHECK {{\n            connect_timeout 3\n        }}\n    }}\n"
            );
            toml += &format!("[[service.server]]\naddress = \"192.0.2.{server}:80\"\nweight = 1\n");
        }
        conf += "}\n";
    }
    let start = Instant::now();
    let first = bytes("a.conf", conf.as_bytes());
    println!("{} bytes of keepalived.conf in {:?}", conf.len(), start.elapsed());
    let start = Instant::now();
    let second = bytes("a.toml", toml.as_bytes());
    println!("{} bytes of TOML in {:?}", toml.len(), start.elapsed());
    assert_eq!((brief(&first), brief(&second)), (Vec::new(), Vec::new()));
    assert_eq!(first.config, second.config);
    assert_eq!(first.config.unwrap().services.len(), 1_000);
}

#[test]
fn a_hundred_thousand_braces_are_no_stack() {
    let text = format!("{}{}", "a {\n".repeat(100_000), "}\n".repeat(100_000));
    let loaded = keepalived(&text);
    assert_eq!(only(&loaded, Code::Nesting).severity, Severity::Error);
    assert_eq!(loaded.config, None);
}

#[test]
fn other_encodings_are_read_with_a_remark() {
    let mut text = b"# caf\xe9\n".to_vec();
    text.extend(ROUTER.as_bytes());
    let loaded = bytes("a.conf", &text);
    assert_eq!(brief(&loaded), ["warning C104 1:6"]);
    assert_eq!(loaded.config.unwrap().instances.len(), 1);
}

#[test]
fn carriage_returns_alone_end_no_line() {
    let loaded = keepalived(&ROUTER.replace('\n', "\r"));
    let said = only(&loaded, Code::Encoding);
    assert!(said.message.contains("carriage return (CR) alone"), "{}", loaded.report.render(false));
    assert!(said.help[0].contains("tr '\\r' '\\n'"), "{said:?}");
    // One line without its line feed is a line all the same.
    assert_eq!(brief(&keepalived("# nothing\r")), brief(&keepalived("# nothing\r\n")));
}

#[test]
fn marks_line_ends_and_odd_blanks() {
    let windows = format!("\u{feff}{}", ROUTER.replace('\n', "\r\n"));
    let loaded = keepalived(&windows);
    // keepalived loses the block that the mark stands before.
    assert_eq!(brief(&loaded), ["note C104 1:1"]);
    assert!(loaded.report.diagnostics()[0].message.contains("byte-order mark"));
    assert_eq!(loaded.config, keepalived(ROUTER).config);
    let pasted = ROUTER.replace("interface eth0", "interface\u{a0}eth0");
    let loaded = keepalived(&pasted);
    assert_eq!(brief(&loaded), ["warning C206 2:11"]);
    assert_eq!(loaded.config, keepalived(ROUTER).config);
    let unfinished = ROUTER.trim_end();
    assert_eq!(brief(&keepalived(unfinished)), Vec::<String>::new());
}

#[test]
fn includes() {
    let context = Context::default();
    let read = |files: &Texts| load(Path::new("etc/main.conf"), None, files, &context);
    let files = Texts::new([
        ("etc/main.conf", b"include conf.d/*.conf\ninclude gone.conf\ninclude none*.conf\nincludem gone.conf\n"),
        ("etc/conf.d/a.conf", ROUTER.as_bytes()),
        ("etc/conf.d/b.conf", b"vrrp_script x {\n script y\n priority 1\n}\n"),
    ]);
    let loaded = read(&files);
    assert_eq!(loaded.config.as_ref().unwrap().instances.len(), 1);
    assert_eq!(
        brief(&loaded),
        ["warning C106 2:9", "note C106 3:9", "error C101 4:10", "note C510 1:13", "warning C302 3:2"],
        "{}",
        loaded.report.render(false)
    );
    let rendered = loaded.report.render(false);
    assert!(rendered.contains("etc/conf.d/b.conf:3:2"), "{rendered}");

    let files = Texts::new([
        ("etc/main.conf", b"include a.conf\n"),
        ("etc/a.conf", b"include main.conf\nglobal_defs {\n router_id x\n}\n"),
    ]);
    let loaded = read(&files);
    assert_eq!(brief(&loaded), ["error C105 1:9"]);
    assert!(only(&loaded, Code::IncludeLoop).message.contains("etc/main.conf"));

    // Each file includes both, under other names each time.
    let both = b"include ./a.conf\ninclude ././b.conf\ninclude x/../a.conf\ninclude x/../b.conf\n";
    let files = Texts::new([("etc/main.conf", both), ("etc/a.conf", both), ("etc/b.conf", both)]);
    assert_eq!(read(&files).report.worst(), Some(Severity::Error));

    // In the middle of a block.
    let files = Texts::new([
        ("etc/main.conf", ROUTER.replace(" 192.0.2.1\n", " include vips\n").as_bytes()),
        ("etc/vips", b"192.0.2.1\n"),
    ]);
    assert_eq!(read(&files).config, keepalived(ROUTER).config);
}

#[test]
fn the_ending_tells_the_language_unless_told() {
    assert_eq!(Language::of(Path::new("a.toml")), Language::Toml);
    assert_eq!(Language::of(Path::new("a.TOML")), Language::Toml);
    assert_eq!(Language::of(Path::new("keepalived.conf")), Language::Keepalived);
    assert_eq!(Language::of(Path::new("a")), Language::Keepalived);
    let files = Texts::new([("x", b"[global]\n")]);
    let loaded = load(Path::new("x"), Some(Language::Toml), &files, &Context::default());
    assert_eq!(brief(&loaded), ["warning C510"]);
}

/// Configurations as they stand in the wild, whole and cut off anywhere: never a panic, and every router that can run does.
#[test]
fn the_corpus() {
    let Some(folder) = beside("corpus") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "conf") {
            continue;
        }
        files += 1;
        let text = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let loaded = bytes(&name, &text);
        println!(
            "{name}: {} {:?}",
            loaded.report.summary(),
            loaded.config.map(|c| (c.instances.len(), c.services.len()))
        );
        if std::env::var_os("SHOW_CORPUS").is_some() {
            println!("{}", loaded.report.render(false));
        }
        for end in (0..text.len()).step_by(97) {
            let loaded = bytes(&name, text.get(..end).unwrap());
            assert!(loaded.report.render(false).len() < 1_000_000);
        }
    }
    assert!(files > 0, "the folder is there and holds nothing");
}
