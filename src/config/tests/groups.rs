//! Services of several addresses.

use super::{Code, Severity, brief, keepalived, only, toml};
use crate::config::Loaded;
use crate::model::{Config, ServiceConfig};

fn service(group: &str, words: &str) -> String {
    format!("virtual_server group {group} {{\nlvs_method NAT\nprotocol TCP\n{words}\n}}\n")
}

fn group(lines: &str) -> String {
    format!("virtual_server_group web {{\n{lines}\n}}\n")
}

const SERVER: &str = "real_server 10.0.0.1 8080 {\nTCP_CHECK {\n}\n}";

fn with(lines: &str) -> Loaded {
    keepalived(&(group(lines) + &service("web", SERVER)))
}

fn clean(loaded: Loaded) -> Config {
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{}", loaded.report.render(false));
    loaded.config.unwrap()
}

fn keys(service: &ServiceConfig) -> Vec<String> {
    service.keys().map(|key| key.to_string()).collect()
}

/// The servers that the kernel gets, key by key.
fn entries(service: &ServiceConfig) -> Vec<String> {
    let entry = |key| {
        let servers = service.servers.iter().filter_map(move |server| service.entry(key, server));
        servers.map(move |server| format!("{key} {server}")).collect::<Vec<_>>()
    };
    service.keys().flat_map(entry).collect()
}

#[test]
fn a_group_is_one_service_with_all_its_addresses() {
    let config = clean(with("192.0.2.1 80\n192.0.2.5-7 81\n192.0.2.16/31 80\n192.0.2.254-192.0.3.0 80\nfwmark 3"));
    let [service] = config.services.as_slice() else { panic!("{config:?}") };
    assert_eq!(
        keys(service),
        [
            "tcp 192.0.2.1:80",
            "tcp 192.0.2.5:81",
            "tcp 192.0.2.6:81",
            "tcp 192.0.2.7:81",
            "tcp 192.0.2.16:80",
            "tcp 192.0.2.17:80",
            "tcp 192.0.2.254:80",
            "tcp 192.0.2.255:80",
            "tcp 192.0.3.0:80",
            "fwmark 3"
        ]
    );
    assert_eq!(service.group_name(), Some("web"));
    let [server] = service.servers.as_slice() else { panic!("{service:?}") };
    assert_eq!(server.checks.len(), 1, "one check, however many addresses");
    assert!(entries(service).iter().all(|entry| entry.ends_with(" 10.0.0.1:8080")));
}

#[test]
fn a_group_may_stand_behind_its_service() {
    let config = clean(keepalived(&(service("web", SERVER) + &group("192.0.2.1 80"))));
    assert_eq!(keys(&config.services[0]), ["tcp 192.0.2.1:80"]);
    let loaded = keepalived(&(group("192.0.2.1 80") + &service("wbe", SERVER)));
    let said = only(&loaded, Code::UnknownName);
    assert_eq!((said.severity, said.help[0].as_str()), (Severity::Warning, "did you mean `web`?"));
}

#[test]
fn two_protocols_may_share_a_group() {
    let udp = service("web", SERVER).replace("TCP\n", "UDP\n");
    let config = clean(keepalived(&(group("192.0.2.1 53") + &service("web", SERVER) + &udp)));
    let all: Vec<_> = config.services.iter().flat_map(keys).collect();
    assert_eq!(all, ["tcp 192.0.2.1:53", "udp 192.0.2.1:53"]);
}

/// What keepalived 2.2.7 gives the kernel: with NAT the port as written, else that of the address, and none with a mark.
#[test]
fn ports_of_servers() {
    let of = |method: &str, server: &str| {
        let server = format!("lvs_method {method}\nreal_server {server} {{\nTCP_CHECK {{\n}}\n}}");
        let loaded = keepalived(&(group("192.0.2.1 80\n192.0.2.1 81\nfwmark 3") + &service("web", &server)));
        let said: Vec<_> = loaded.report.diagnostics().iter().map(|said| said.code).collect();
        let config = loaded.config.unwrap();
        let ports = entries(&config.services[0]).into_iter().map(|entry| entry.rsplit(':').next().unwrap().to_owned());
        (
            ports.collect::<Vec<_>>().join(" "),
            config.services[0].servers[0].checks[0].kind.connect().unwrap().target.port(),
            said,
        )
    };
    assert_eq!(of("NAT", "10.0.0.1 8080").0, "8080 8080 8080");
    assert_eq!(of("NAT", "10.0.0.1 8080").1, 8080);
    assert_eq!(of("NAT", "10.0.0.1").0, "0 0 0");
    assert!(of("NAT", "10.0.0.1").2.contains(&Code::Required), "its check has no port to call");
    let (ports, called, said) = of("DR", "10.0.0.1 8080");
    assert_eq!((ports.as_str(), called), ("80 81 0", 8080));
    assert!(said.contains(&Code::ServerPort));
    assert_eq!(of("TUN", "2001:db8::1 80").0, "80 81 0");
}

#[test]
fn with_one_port_for_all_a_check_knows_whom_to_call() {
    let server = "real_server 10.0.0.1 {\nTCP_CHECK {\n}\n}";
    let config = clean(keepalived(&(group("192.0.2.1 80\n192.0.2.2 80\nfwmark 3") + &service("web", server))));
    assert_eq!(config.services[0].servers[0].checks[0].kind.connect().unwrap().target.port(), 80);
}

#[test]
fn a_bad_line_costs_itself_alone() {
    for (line, expected) in [
        ("192.0.2.7-3 80", "warning C401 3:1"),
        ("192.0.2.7-7 80", "warning C401 3:1"),
        ("192.0.2.7-300 80", "warning C401 3:1"),
        ("192.0.2.0/33 80", "warning C401 3:1"),
        ("192.0.2.7/24 80", "warning C401 3:1"),
        ("192.0.2.1-2001:db8::1 80", "warning C401 3:1"),
        ("192.0.2.9:80", "warning C401 3:1"),
        ("192.0.2.9 70000", "warning C401 3:11"),
        ("192.0.2.9 http", "warning C401 3:11"),
        ("192.0.2.9 80 90", "warning C307 3:14"),
        ("fwmark 0", "warning C401 3:8"),
        ("fwmark 4 inet7", "warning C401 3:10"),
        ("fwmark", "error C306 3:1"),
        ("junk", "warning C401 3:1"),
        ("<vip> 80", "warning C402 3:1"),
        ("192.0.2.1 80", "warning C501 3:1"),
        ("192.0.2.0/28 80", "warning C501 3:1"),
    ] {
        let loaded = with(&format!("192.0.2.1 80\n{line}"));
        assert_eq!(brief(&loaded), [expected], "{line}\n{}", loaded.report.render(false));
        assert_eq!(keys(&loaded.config.unwrap().services[0])[0], "tcp 192.0.2.1:80", "{line}");
    }
}

#[test]
fn a_group_without_addresses_is_no_service() {
    assert_eq!(brief(&with("")), ["warning C510", "warning C510 1:22", "warning C510 4:1"]);
    let loaded = with("junk");
    assert_eq!(brief(&loaded), ["warning C401 2:1", "error C404 4:1"]);
    assert_eq!(loaded.config, None);
}

/// 2.2.7 takes a /8 without a word and makes sixteen million services.
#[test]
fn more_addresses_than_a_kernel_can_bear_are_refused() {
    for line in ["10.0.0.0/8 80", "10.0.0.0-10.255.255.255 80", "2001:db8::/64 80", "::/0 80", "0.0.0.0/0"] {
        let loaded = with(&format!("192.0.2.1 80\n{line}"));
        let said = only(&loaded, Code::BadValue);
        assert_eq!(said.severity, Severity::Error, "{line}");
        assert!(said.primary.as_ref().unwrap().text.contains("65536"), "{said:?}");
        assert!(said.help.iter().any(|help| help.contains("fwmark")), "{said:?}");
    }
    let config = clean(with("10.0.0.0/16 80"));
    assert_eq!(config.services[0].keys().count(), 65_536);
    // Many large groups are as bad as one, and so are many uses of one.
    let many: String = (0..9).map(|n| group(&format!("10.{n}.0.0/16 80")).replace("web", &format!("g{n}"))).collect();
    let loaded = keepalived(&(many + &service("g0", SERVER)));
    assert!(loaded.report.count(Severity::Error) > 0);
    let uses: String = (0..9).map(|n| service("web", SERVER).replace("8080", &format!("80{n}"))).collect();
    let loaded = keepalived(&(group("10.0.0.0/16 80") + &uses));
    assert!(loaded.report.count(Severity::Error) > 0);
}

#[test]
fn both_families() {
    let lines = "192.0.2.1 80\n2001:db8::5-6 80\nfwmark 3 inet6";
    let two = format!("{SERVER}\nreal_server 2001:db8::99 80 {{\n}}");
    let config = clean(keepalived(&(group(lines) + &service("web", &two))));
    assert_eq!(
        entries(&config.services[0]),
        [
            "tcp 192.0.2.1:80 10.0.0.1:8080",
            "tcp [2001:db8::5]:80 [2001:db8::99]:80",
            "tcp [2001:db8::6]:80 [2001:db8::99]:80",
            "fwmark 3 IPv6 [2001:db8::99]:80"
        ]
    );
    // Without a tunnel nothing reaches the other family, and a mark does not show its own.
    assert_eq!(brief(&with(lines)), ["warning C512 6:1"]);
    let loaded = with("192.0.2.1 80\n2001:db8::1 80\nfwmark 3");
    assert_eq!(brief(&loaded), ["warning C404 4:1", "warning C512 6:1"]);
    assert_eq!(keys(&loaded.config.unwrap().services[0]), ["tcp 192.0.2.1:80", "tcp [2001:db8::1]:80"]);
    // An only family is everybody's, the mark's too.
    let config = clean(keepalived(&(group("2001:db8::1 80\nfwmark 3") + &service("web", &two.replace(SERVER, "")))));
    assert_eq!(keys(&config.services[0]), ["tcp [2001:db8::1]:80", "fwmark 3 IPv6"]);
    let loaded = with("2001:db8::1 80");
    assert_eq!(brief(&loaded), ["warning C510", "warning C510 4:1", "warning C512 7:1"]);
}

#[test]
fn every_port_is_persistent_and_marks_need_no_protocol() {
    let loaded = with("192.0.2.1\n192.0.2.2 80");
    assert_eq!(brief(&loaded), ["note C508 5:1"]);
    let persistence = loaded.config.unwrap().services[0].settings.persistence.clone().unwrap();
    assert_eq!((persistence.timeout_secs.get(), persistence.prefix_len), (360, 32));
    let marks = group("fwmark 3") + &service("web", SERVER).replace("protocol TCP\n", "");
    assert!(clean(keepalived(&marks)).services[0].settings.persistence.is_none());
}

#[test]
fn an_address_belongs_to_one_service() {
    let alone = "virtual_server 192.0.2.1 80 {\nlvs_method NAT\nprotocol TCP\nreal_server 10.0.0.9 80 {\n}\n}\n";
    let loaded = keepalived(&(alone.to_owned() + &group("192.0.2.1-3 80") + &service("web", SERVER)));
    assert_eq!(brief(&loaded), ["warning C501 10:1"]);
    let config = loaded.config.unwrap();
    assert_eq!(keys(&config.services[0]), ["tcp 192.0.2.1:80"]);
    assert_eq!(keys(&config.services[1]), ["tcp 192.0.2.2:80", "tcp 192.0.2.3:80"]);
    assert_eq!(config.services[1].group_name(), Some("web"));

    // Nothing is left of the second.
    let loaded = keepalived(&(alone.to_owned() + &group("192.0.2.1 80") + &service("web", SERVER)));
    assert_eq!(loaded.config.unwrap().services[0].servers.len(), 2, "they are the same service to the kernel");

    // The same group twice is one service with the servers of both.
    let more = service("web", "real_server 10.0.0.2 80 {\n}");
    let loaded = keepalived(&(group("192.0.2.1-3 80") + &service("web", SERVER) + &more));
    assert_eq!(brief(&loaded), ["warning C501 12:1"]);
    let config = loaded.config.unwrap();
    assert_eq!((config.services.len(), config.services[0].servers.len()), (1, 2));

    let loaded = keepalived(&(group("192.0.2.1 80") + &group("192.0.2.2 80") + &service("web", SERVER)));
    assert_eq!(brief(&loaded), ["warning C501 4:22"]);
    assert_eq!(keys(&loaded.config.unwrap().services[0]), ["tcp 192.0.2.1:80"]);
}

/// Where the addresses of one family belong to another service, servers of that family have nothing to do any more.
#[test]
fn servers_of_a_family_go_with_its_last_address() {
    let sixth = "real_server 2001:db8::1 8080 {\nTCP_CHECK {\n}\n}";
    let first = format!("virtual_server 192.0.2.1 80 {{\nlvs_method NAT\nprotocol TCP\n{SERVER}\n}}\n");
    let lines = group("192.0.2.1 80\n2001:db8::9 80");
    let loaded = keepalived(&(first.clone() + &lines + &service("web", &format!("{SERVER}\n{sixth}"))));
    only(&loaded, Code::Duplicate);
    let config = loaded.config.unwrap();
    assert_eq!(keys(&config.services[1]), ["tcp [2001:db8::9]:80"]);
    let servers: Vec<_> = config.services[1].servers.iter().map(|server| server.key.to_string()).collect();
    assert_eq!(servers, ["[2001:db8::1]:8080"]);
    let loaded = keepalived(&(first + &lines + &service("web", SERVER)));
    assert_eq!(loaded.config.unwrap().services.len(), 1);
}

#[test]
fn both_languages_say_it() {
    let conf = with("192.0.2.1 80\n192.0.2.5-6 81\n192.0.2.16/31 80\n192.0.2.9\n2001:db8::1-2 80\nfwmark 3 inet6");
    let text = "[[service]]\nname = \"web\"\naddresses = [\"192.0.2.1:80\", \"192.0.2.5-6:81\", \"192.0.2.16/31:80\", \
                \"192.0.2.9\", \"[2001:db8::1-2]:80\", { fwmark = 3, family = \"ipv6\" }]\n\
                server = [{ address = \"10.0.0.1:8080\", check = { tcp = {} } }]\n";
    let loaded = toml(text);
    assert_eq!(brief(&loaded), ["warning C512 3:1", "note C508 3:1"]);
    assert_eq!(loaded.config.unwrap().services, conf.config.unwrap().services);
    // Each in its own way.
    for (addresses, expected) in [
        ("[\"192.0.2.7-3:80\"]", &["error C401", "error C404"][..]),
        ("[\"192.0.2.1:http\"]", &["error C401", "error C404"]),
        ("[\"[2001:db8::1\"]", &["error C401", "error C404"]),
        ("[\"10.0.0.0/8:80\"]", &["error C401", "error C404"]),
        ("[{ family = \"ipv4\" }]", &["error C404", "error C404"]),
        ("[]", &["error C510"]),
        ("[\"2001:db8::1\"]", &["note C508", "warning C510", "warning C512"]),
        ("[\"192.0.2.1:80\", \"192.0.2.1:80\"]", &["warning C501"]),
        ("[\"192.0.2.1:80\"]\naddress = \"192.0.2.2:80\"", &["error C512"]),
    ] {
        let loaded =
            toml(&format!("[[service]]\nserver = [{{ address = \"10.0.0.1:80\" }}]\naddresses = {addresses}\n"));
        let mut said: Vec<_> = brief(&loaded).iter().map(|line| line[..line.len().min(12)].trim().to_owned()).collect();
        said.retain(|line| !line.starts_with("warning C510") || expected.contains(&"warning C510"));
        said.sort();
        said.dedup();
        let said: Vec<_> = said.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        let mut expected = expected.to_vec();
        expected.dedup();
        assert_eq!(said, expected, "{addresses}\n{}", loaded.report.render(false));
    }
}
