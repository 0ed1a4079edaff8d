//! Numbers and addresses at the edges of what the protocol can carry, in both languages: what is said, and what becomes of it.

use super::{Loaded, Severity, keepalived, toml};
use crate::model::Instance;

/// A router in keepalived's language: its number, its addresses, and more words.
fn conf(vrid: &str, addresses: &str, words: &str) -> Loaded {
    keepalived(&format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n{addresses}\n}}\n{words}\n}}\n"
    ))
}

/// The same in ours.
fn ours(vrid: &str, addresses: &str, words: &str) -> Loaded {
    let addresses: Vec<_> = addresses.lines().map(|address| format!("{address:?}")).collect();
    toml(&format!(
        "[[instance]]\nname = \"A\"\ninterface = \"eth0\"\nvrid = {vrid}\naddresses = [{}]\n{words}\n",
        addresses.join(", ")
    ))
}

/// The last remark, whole as a user reads it but for the lines of the file.
fn said(loaded: &Loaded) -> Option<(Severity, String)> {
    let diagnostic = loaded.report.diagnostics().last()?;
    let mark = diagnostic.primary.as_ref().map_or("", |label| label.text.as_str());
    let parts = [
        &[diagnostic.message.as_str(), mark],
        diagnostic.help.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
    ]
    .concat();
    let text: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some((diagnostic.severity, text.join(" | ")))
}

fn runs(loaded: &Loaded) -> Option<&Instance> {
    loaded.config.as_ref()?.instances.first().filter(|_| loaded.is_runnable())
}

#[test]
fn what_the_protocol_cannot_carry() {
    const VRID: &str = "7";
    const VIP: &str = "192.0.2.1";
    let interval = |seconds: &str| format!("advert_int {seconds}");
    let mut lines = Vec::new();
    let mut note = |what: &str, loaded: &Loaded| {
        let (severity, text) = said(loaded).unwrap_or_else(|| panic!("nothing is said of {what}"));
        let runs = if runs(loaded).is_some() { "runs" } else { "refused" };
        lines.push(format!("{what}\n  {severity}, {runs}: {text}"));
    };
    for vrid in ["0", "256", "-1", "1.5", "x"] {
        note(&format!("virtual_router_id {vrid}"), &conf(vrid, VIP, ""));
    }
    for words in ["priority 0", "priority 256", "priority -1"] {
        note(words, &conf(VRID, VIP, words));
    }
    for seconds in ["0", "0.001", "0.5", "1.5", "256", "-1"] {
        note(&format!("version 2, {}", interval(seconds)), &conf(VRID, VIP, &interval(seconds)));
    }
    for seconds in ["0", "0.001", "0.015", "41"] {
        note(
            &format!("version 3, {}", interval(seconds)),
            &conf(VRID, VIP, &format!("version 3\n{}", interval(seconds))),
        );
    }
    note("version 2 over IPv6", &conf(VRID, "2001:db8::1", "version 2"));
    note("version 1", &conf(VRID, VIP, "version 1"));
    const ADDRESSES: [&str; 14] = [
        "192.0.2.1\n2001:db8::1",
        "192.0.2.1/33",
        "192.0.2.1/0",
        "2001:db8::1/129",
        "192.0.2.256",
        "0.0.0.0",
        "::",
        "224.0.0.18",
        "ff02::12",
        "127.0.0.1",
        "::1",
        "255.255.255.255",
        "192.0.2.0/24",
        "192.0.2.255/24",
    ];
    for addresses in ADDRESSES {
        note(&addresses.replace('\n', ", "), &conf(VRID, addresses, ""));
    }
    for vrid in ["0", "256", "-1", "1.5", "\"x\""] {
        note(&format!("vrid = {vrid}"), &ours(vrid, VIP, ""));
    }
    for words in [
        "priority = 0",
        "priority = 256",
        "advert-interval = \"0s\"",
        "advert-interval = \"1ms\"",
        "advert-interval = \"15ms\"",
        "advert-interval = \"41s\"",
        "version = 2\nadvert-interval = \"100ms\"",
        "version = 2\nadvert-interval = \"1500ms\"",
        "version = 2\nadvert-interval = \"256s\"",
        "version = 1",
    ] {
        note(&words.replace('\n', ", "), &ours(VRID, VIP, words));
    }
    note("version = 2 over IPv6", &ours(VRID, "2001:db8::1", "version = 2"));
    for addresses in ADDRESSES {
        note(&format!("addresses = [{}]", addresses.replace('\n', ", ")), &ours(VRID, addresses, ""));
    }
    insta::assert_snapshot!("bounds", lines.join("\n"));
}

/// The edges themselves are no mistake.
#[test]
fn what_it_can_carry() {
    for (vrid, words) in [
        ("1", "priority 1"),
        ("255", "priority 254"),
        ("7", "priority 255"),
        ("7", "advert_int 1"),
        ("7", "advert_int 255"),
        ("7", "version 3\nadvert_int 0.01"),
        ("7", "version 3\nadvert_int 40.95"),
    ] {
        let loaded = conf(vrid, "192.0.2.1/1\n192.0.2.254/24\n192.0.2.0\n192.0.2.2/31\n192.0.2.255", words);
        assert_eq!(said(&loaded), None, "{words}");
        let router = runs(&loaded).unwrap();
        assert_eq!((router.id.vrid.value().to_string().as_str(), router.addresses.len()), (vrid, 5));
    }
    for (vrid, words) in [
        ("1", "priority = 1"),
        ("255", "priority = 254"),
        ("7", "version = 2\nadvert-interval = \"255s\""),
        ("7", "advert-interval = \"10ms\""),
        ("7", "advert-interval = \"40950ms\""),
    ] {
        let loaded = ours(vrid, "192.0.2.1/1\n192.0.2.2/31", words);
        assert_eq!(said(&loaded), None, "{words}");
        assert_eq!(runs(&loaded).unwrap().id.vrid.value().to_string(), vrid);
    }
    // One number may stand once in each family.
    let text = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n";
    let two = keepalived(
        &(text.to_owned() + &text.replace("_instance A", "_instance B").replace("192.0.2.1", "2001:db8::1")),
    );
    assert_eq!((said(&two), two.config.unwrap().instances.len()), (None, 2));
}
