use super::*;
use CommandKind as C;

#[test]
fn one_number_means_different_things() {
    assert_eq!(Cause::of(C::NewService, libc::ENOENT), Cause::NoSuchScheduler);
    assert_eq!(Cause::of(C::SetService, libc::ENOENT), Cause::NoSuchScheduler);
    assert_eq!(Cause::of(C::SetDest, libc::ENOENT), Cause::NoSuchDestination);
    assert_eq!(Cause::of(C::DelDest, libc::ENOENT), Cause::NoSuchDestination);
    assert_eq!(Cause::of(C::GetFamily, libc::ENOENT), Cause::NoIpvs);
    assert_eq!(Cause::of(C::GetService, libc::ENOENT), Cause::FamilyGone);
    assert_eq!(Cause::of(C::DelService, libc::ESRCH), Cause::NoSuchService);
    assert_eq!(Cause::of(C::NewDest, libc::ESRCH), Cause::NoSuchService);
    assert_eq!(Cause::of(C::DelDaemon, libc::ESRCH), Cause::NoSuchDaemon);
    assert_eq!(Cause::of(C::NewDaemon, libc::ENODEV), Cause::NoSuchInterface);
    assert_eq!(Cause::of(C::NewDest, libc::ERANGE), Cause::OutOfRange);
    assert_eq!(Cause::of(C::Flush, libc::EPERM), Cause::NotPermitted);
}

#[test]
fn a_refusal_is_a_sentence() {
    assert_eq!(
        CommandError::new(C::NewService, libc::ENOENT)
            .about("new service tcp 192.0.2.1:80: scheduler wcl, flags none")
            .to_string(),
        "new service tcp 192.0.2.1:80: scheduler wcl, flags none failed: the kernel has no scheduler, or no persistence engine, \
         of this name (misspelt, or its module was not built) (NEW_SERVICE: ENOENT); check the spelling, and that \
         `modprobe ip_vs_NAME` (engine: `modprobe ip_vs_pe_NAME`) works; the kernel log names it"
    );
    assert_eq!(
        CommandError::new(C::Flush, 84).with_kernel(Some("so there".into()), Some(20)).to_string(),
        "FLUSH failed: the kernel refuses it: \"so there\" (FLUSH: EILSEQ 84, Illegal byte sequence, at byte 20); see the kernel log"
    );
    let odd = CommandError::new(C::Flush, 99_999).to_string();
    assert!(odd.contains("UnknownErrno 99999"), "{odd}");
}
