use super::*;

const PLUGIN: &str = "\
plugin: 1
id: pager
display_name: Pager
category: chat
summary: pages people
command: [python3, ./pager.py]
operations:
  send: {summary: pages, effect: once, price: {metered: {sku: {fixed: page}, most: {message: {fixed: 1}}}}}
";
const PRICES: &str = "\
version: '1'
currency: EUR
checked_on: 2026-01-01
skus:
  page: { rates: { message: '0.05' }, effective_from: 2026-01-01, source_url: 'https://example.com' }
";

/// What loading a folder `pager` with these files gives.
fn load(plugin: &str, prices: Option<&str>) -> Result<Folder, FolderError> {
    let above = tempfile::tempdir().unwrap();
    let dir = above.path().join("pager");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("pager.py"), "").unwrap();
    fs::write(dir.join(PLUGIN_FILE), plugin).unwrap();
    prices.iter().for_each(|text| fs::write(dir.join(PRICES_FILE), text).unwrap());
    let folder = Folder::load(&dir)?;
    folder.check_prices().map(|()| folder)
}

/// Each line without the folder, which is another one every time.
fn lines(result: Result<Folder, FolderError>) -> Vec<String> {
    let lines = result.unwrap_err().lines();
    lines.iter().map(|l| l.rsplit_once("/pager/").map_or(l.as_str(), |(_, rest)| rest).to_string()).collect()
}

#[test]
fn the_prices_are_those_beside_the_plugin() {
    assert!(load(PLUGIN, None).unwrap().prices.is_none());
    let prices = load(PLUGIN, Some(PRICES)).unwrap().prices.unwrap();
    assert!(prices.version.starts_with("pager/1+"));
    assert_eq!(prices.skus["page"][0].sku.rates[0].amount_micros, 50_000);
}

#[test]
fn whatever_is_wrong_has_its_file_and_place() {
    let wrong = PLUGIN.replace("effect: once", "effect: twice").replace("summary: pages people", "sumary: x");
    assert_eq!(
        lines(load(&wrong, None)),
        [
            "plugin.yaml:5:1: unknown key \"sumary\" in the file (did you mean \"summary\"?)",
            "plugin.yaml:8:34: effect: there is no \"twice\" (use read, idempotent, once)",
        ]
    );
    assert!(load(&wrong, None).unwrap_err().to_string().ends_with("(did you mean \"summary\"?), and 1 more"));
    let found = lines(load(PLUGIN, Some(&PRICES.replace("currency: EUR", "currency: euro"))));
    assert!(matches!(&found[..], [line] if line.starts_with("prices.yaml:2:11: currency \"euro\"")), "{found:#?}");
    let found = lines(load(PLUGIN, Some(&PRICES.replace("page:", "pages:"))));
    assert_eq!(found, ["plugin.yaml:8:71: prices.yaml has no price of \"page\" (did you mean \"pages\"?)"]);
    let found = lines(load(&PLUGIN.replace("id: pager", "id: other"), None));
    assert_eq!(
        found,
        ["plugin.yaml:2:5: id is \"other\", but the folder is called \"pager\" (give both the same name)"]
    );
}

#[test]
fn a_file_of_the_command_must_be_there() {
    let found = lines(load(&PLUGIN.replace("./pager.py", "./other.py"), None));
    assert_eq!(found, ["plugin.yaml: `command` names ./other.py, which is no file of the folder"]);
}
