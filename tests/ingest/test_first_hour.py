"""The first hour of a hospital: its own table, in its own language and encoding, goes in with a draft map and no wrong value."""

from __future__ import annotations

import hmac
import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest

from her2ladder.ingest.clinical_words import are_persons, is_private_name, likely_column
from her2ladder.ingest.near_ids import better_rule, matched

MADE = Path(__file__).parents[2] / "benchmarks" / "first_hour" / "hospital.py"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("hospital", MADE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("hospital")
    module.main(folder)
    return folder


@pytest.mark.parametrize("name", ["kohorte.csv", "kohorte.xlsx"])
def test_a_german_table_goes_in_by_its_draft_map(hospital: Path, run_ladder: Any, tmp_path: Path, name: str) -> None:
    draft = tmp_path / "map.toml"
    assert run_ladder("ingest", "clinical", hospital / name, "--draft-map", draft).code == 0
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM patient").rows == [{"n": 0}]  # a draft reads nothing in
    dry = run_ladder("ingest", "clinical", hospital / name, "--map", draft, "--dry-run")
    assert (dry.code, "80 patients would go in; nothing was written" in dry.err) == (0, True)
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM run WHERE stage = 'ingest clinical'").rows == [{"n": 0}]
    done = run_ladder("ingest", "clinical", hospital / name, "--map", draft)
    assert done.code == 0, done.err
    assert "above the header left out" in done.err
    row = run_ladder("--json", "sql", "SELECT * FROM patient ORDER BY patient_id LIMIT 1").rows[0]
    assert row["patient_id"] == "00017"
    assert {"Nachname", "Vorname", "Geburtsdatum", "Telefon", "Bemerkungen"}.isdisjoint(row)
    told = run_ladder("--json", "sql", "SELECT count(*) FILTER (hr_status IS NULL) AS n, avg(age_years) AS age, sum(is_pcr) AS pcr FROM patient").rows[0]
    assert told["n"] == 2
    assert 45 < told["age"] < 60
    assert told["pcr"] == 40
    days = run_ladder("--json", "sql", "SELECT max(efs_months) AS m, max(dfs_months) AS d FROM patient").rows[0]
    assert days["m"] == pytest.approx(days["d"], abs=0.1)
    rows = run_ladder("--json", "survival", "--by", "regimen", "--endpoint", "efs", "--adjust", "").rows
    assert {row["family"] for row in rows} == {"efs"}


TABLES = {
    "french": ("Numéro patient;Âge;Récepteurs hormonaux;Décès;OS_mois;RPC\nA1;54,5;positif;oui;12,5;non\nA2;61,0;négatif;non;30,1;oui\n", "cp1252", 54.5),
    "spanish": ("ID paciente;Edad;Receptores hormonales;Muerte;OS_meses;RPC\nA1;54,5;positivo;sí;12,5;no\nA2;61,0;negativo;no;30,1;sí\n", "utf-8", 54.5),
    "chinese": ("患者编号,年龄,激素受体,死亡,总生存时间,病理完全缓解\nA1,54.5,阳性,是,12.5,否\nA2,61,阴性,否,30.1,是\n", "gb18030", 54.5),
    "utf16": ("patient_id\tage\thr_status\tos_event\tos_months\tpcr\nA1\t54.5\tpos\tyes\t12.5\tno\nA2\t61\tneg\tno\t30.1\tyes\n", "utf-16", 54.5),
}


@pytest.mark.parametrize("language", TABLES)
def test_tables_of_other_languages_and_encodings_hold_the_same_values(run_ladder: Any, tmp_path: Path, language: str) -> None:
    text, encoding, age = TABLES[language]
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert run_ladder("ingest", "clinical", tmp_path / "t.csv", "--draft-map", tmp_path / "map.toml").code == 0
    done = run_ladder("ingest", "clinical", tmp_path / "t.csv", "--map", tmp_path / "map.toml")
    assert done.code == 0, done.err
    asked = "SELECT patient_id, age_years, hr_status, os_event, os_months, is_pcr FROM patient ORDER BY 1"
    assert [list(row.values()) for row in run_ladder("--json", "sql", asked).rows] == [
        ["A1", age, "positive", 1, 12.5, 0],
        ["A2", 61.0, "negative", 0, 30.1, 1],
    ]


def test_words_can_mean_missing_and_others_can_be_dropped(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("patient_id,cohort,hr_status,age_years,shoe\nP1,A,unknown,-9,38\nP2,A,positive,50,39\n")
    (tmp_path / "m.toml").write_text('drop = "others"\nmissing = ["-9"]\n[values.hr_status]\n"unknown" = ""\n')
    assert run_ladder("ingest", "clinical", tmp_path / "t.csv", "--map", tmp_path / "m.toml").code == 0
    rows = run_ladder("--json", "sql", "SELECT hr_status, age_years FROM patient ORDER BY patient_id").rows
    assert rows == [{"hr_status": None, "age_years": None}, {"hr_status": "positive", "age_years": 50}]


@pytest.mark.parametrize(
    ("value", "said"),
    [("<5", "a bound or a range"), ("20-30", "a bound or a range"), ("2024-05-03", "a date; give the time"), ("5,5", "decimal point")],
)
def test_what_is_no_number_is_named_with_the_way_out(run_ladder: Any, tmp_path: Path, value: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(f'patient_id,cohort,tils_percent\nP1,A,"{value}"\n')
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert answer.code == 1
    assert said in answer.err


@pytest.mark.parametrize(
    "name",
    ["Nachname", "Vorname", "geburtsdatum", "GebDatum", "prénom", "date_de_naissance", "Apellidos", "fecha_nacimiento", "Cognome", "data_nascita", "Sobrenome", "Achternaam", "geboortedatum", "患者姓名", "出生日期", "Telefonnummer", "LastName", "patient_name", "MRN", "Bemerkungen"],
)
def test_names_births_and_free_text_are_refused_in_eight_languages(run_ladder: Any, tmp_path: Path, name: str) -> None:
    assert is_private_name(name)
    (tmp_path / "t.csv").write_text(f"patient_id,cohort,{name}\nP1,A,x\n", encoding="utf-8")
    (tmp_path / "m.toml").write_text(f'extra = ["{name}"]\n', encoding="utf-8")
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv", "--map", tmp_path / "m.toml")
    assert answer.code == 1
    assert "do not enter the store" in answer.err


def test_a_covariate_is_not_taken_for_a_name(run_ladder: Any) -> None:
    for name in ("ki67", "regimen", "Grading", "Familienanamnese", "menopause", "horTh", "numerator", "plan"):
        assert not is_private_name(name), name
    assert likely_column("pCR") == "is_pcr"
    assert likely_column("HR-Status") == "hr_status"


def test_ids_that_are_names_are_refused_and_contacts_too(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("patient_id,cohort\nMueller Anna,A\nSchmidt Eva,A\n")
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert answer.code == 1
    assert "look like people's names" in answer.err
    assert "Mueller" not in answer.err
    assert not are_persons(["P 1", "PBCP_41", "S1"])
    (tmp_path / "t.csv").write_text("patient_id,cohort,x\nP1,A,anna@example.org\n")
    (tmp_path / "m.toml").write_text('extra = ["x"]\n')
    assert "mail address" in run_ladder("ingest", "clinical", tmp_path / "t.csv", "--map", tmp_path / "m.toml").err


def test_ids_written_in_two_ways_are_told_with_their_number_and_joined_when_asked(put: Any, run_ladder: Any, tmp_path: Path) -> None:
    for at in (1, 2, 3):
        put(f"S{at}", ("Tumor", 0, 0), patient=f"{at}")
    (tmp_path / "t.csv").write_text("patient_id,cohort\n" + "".join(f"{at:05d},A\n" for at in (1, 2, 3)))
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv", "--dry-run")
    assert "0 of 3 ids are those of slides; leaving leading zeros aside 3 would be: --match-ids zeros" in answer.err
    assert run_ladder("ingest", "clinical", tmp_path / "t.csv", "--match-ids", "zeros").code == 0
    assert [row["patient_id"] for row in run_ladder("--json", "sql", "SELECT patient_id FROM patient WHERE cohort = 'A' ORDER BY 1").rows] == ["1", "2", "3"]
    assert "--match-ids: wanted case" in run_ladder("ingest", "clinical", tmp_path / "t.csv", "--match-ids", "magic").err


def test_two_patients_never_become_one(run_ladder: Any) -> None:
    assert matched(["P1", "p1"], ["P1"], ["case"]) == {}
    assert matched(["A_1"], ["B1", "b_1"], ["case", "separators"]) == {}
    assert better_rule(["P1", "P2"], ["P1", "P2"]) == ""
    assert "--match-ids prefix,zeros" in better_rule(["PBCP_0041", "PBCP_0042"], ["41", "42"])


def test_a_further_endpoint_is_checked_as_the_others_are(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("patient_id,cohort,pfs_years,pfs_event\nP1,A,2,maybe\nP2,A,1,0\n")
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert answer.code == 1
    assert "pfs_event: wanted 0 or 1, found 'maybe'" in answer.err
    (tmp_path / "t.csv").write_text("patient_id,cohort,pfs_years,pfs_event\nP1,A,2,yes\nP2,A,1,0\n")
    answer = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert answer.code == 0, answer.err
    assert "pfs_years is turned into pfs_months" in answer.err
    assert run_ladder("--json", "sql", "SELECT pfs_months, pfs_event FROM patient ORDER BY patient_id").rows == [
        {"pfs_months": 24, "pfs_event": 1},
        {"pfs_months": 12, "pfs_event": 0},
    ]


def test_names_become_pseudonyms_whose_key_stays_outside_of_the_store(run_ladder: Any, store_dir: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("patient_id,cohort\nMueller Anna,A\nSchmidt Eva,A\n")
    key = tmp_path / "t.csv.pseudonyms.toml"
    assert "or --pseudonymise" in run_ladder("ingest", "clinical", table).err
    assert run_ladder("ingest", "clinical", table, "--pseudonymise", "--dry-run").code == 0
    assert not key.exists()
    done = run_ladder("ingest", "clinical", table, "--pseudonymise")
    assert done.code == 0, done.err
    assert key.stat().st_mode & 0o077 == 0
    told = tomllib.loads(key.read_text())
    ids = [row["patient_id"] for row in run_ladder("--json", "sql", "SELECT patient_id FROM patient ORDER BY 1").rows]
    assert ids == sorted(told["pseudonyms"].values())
    name = hmac.new(bytes.fromhex(told["key"]), b"Mueller Anna", "sha256").hexdigest()
    assert told["pseudonyms"]["Mueller Anna"] == f"P-{name[:16]}"
    table.write_text("patient_id,cohort,age_years\nSchmidt Eva,A,50\nWeber Ute,A,60\n")  # the follow-up meets the same patient
    assert run_ladder("ingest", "clinical", table, "--pseudonymise").code == 0
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM patient").rows == [{"n": 3}]
    assert not any(b"Mueller" in path.read_bytes() for path in store_dir.rglob("*") if path.is_file())
    inside = store_dir / "t.csv"
    inside.write_text(table.read_text())
    assert "the key would lie in the store" in run_ladder("ingest", "clinical", inside, "--pseudonymise").err


def test_faults_are_a_table_by_column(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("patient_id,cohort,age_years,hr_status\nP1,A,x,maybe\nP2,A,x,maybe\nP3,A,50,perhaps\n")
    answer = run_ladder("--json", "ingest", "clinical", tmp_path / "t.csv")
    assert answer.code == 1
    assert [(row["column"], row["n"], row["first"]) for row in answer.rows] == [
        ("age_years", 2, "row 2 (patient P1)"),
        ("hr_status", 2, "row 2 (patient P1)"),
        ("hr_status", 1, "row 4 (patient P3)"),
    ]
    assert "found 'perhaps'" in answer.rows[2]["fault"]
    few = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert few.out == "", "a table that is refused gives no data"
    assert len(few.err.splitlines()) == 1, "a line can tell three"
    rows = "".join(f"P{i},A,old {i}\n" for i in range(9))
    (tmp_path / "t.csv").write_text("patient_id,cohort,age_years\n" + rows)
    many = run_ladder("ingest", "clinical", tmp_path / "t.csv")
    assert many.out == ""
    assert many.err.splitlines()[0].split() == ["column", "fault", "n", "first"]
    assert len(many.err.splitlines()) == 1 + 9 + 1
