use super::*;

#[test]
fn the_definition_is_consistent() {
    Pawl::command().debug_assert();
}

#[test]
fn spans_are_read_as_people_write_them() {
    let cases = [("90s", 90), ("24h", 86_400), ("1h 30m", 5_400), ("7d", 604_800), ("2m", 120)];
    for (text, seconds) in cases {
        assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "24", "tomorrow", "-5s", "1mo"] {
        assert!(span(text).is_err(), "{text}");
    }
}

#[test]
fn every_option_says_what_it_does() {
    fn check(command: &clap::Command) {
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Pawl::command());
}

#[test]
fn the_defaults_are_those_of_the_server() {
    let matches = Pawl::command().get_matches_from(["pawl", "serve"]);
    let Command::Serve(args) = Pawl::from_arg_matches(&matches).unwrap().command else {
        panic!("not what was asked for");
    };
    assert_eq!(args.dedupe_window, pawl_server::DEFAULT_DEDUPE_WINDOW);
    assert_eq!(args.stall_after, pawl_server::DEFAULT_STALL_AFTER);
    assert_eq!(args.backup_patience, pawl_server::DEFAULT_BACKUP_PATIENCE);
    assert_eq!(args.max_identities, pawl_server::DEFAULT_MAX_IDENTITIES);
    assert_eq!(args.min_free_bytes, pawl_server::DEFAULT_MIN_FREE_BYTES);
}
