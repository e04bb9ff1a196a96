"""What hospitals write in eight languages: yes and no, positive and negative, column names, and what must never enter the store.

English, German, French, Spanish, Italian, Portuguese, Dutch, Chinese. A word that means two things in two of them is not listed.
"""

from __future__ import annotations

import re
import unicodedata

ENDPOINT = re.compile(r"^([a-z][a-z0-9]*)_(months|days|years|event)$")
"""A column of an endpoint: NAME_months (or _days, _years) beside NAME_event."""

TRUE = {"1", "1.0", "true", "yes", "y", "ja", "j", "oui", "si", "sim", "wahr", "vrai", "vero", "verdadero", "是", "有"}
FALSE = {"0", "0.0", "false", "no", "n", "nein", "non", "nao", "nee", "falsch", "faux", "falso", "否", "无"}
POSITIVE = {"positive", "pos", "+", "hr+", "positiv", "positif", "positivo", "positiva", "positief", "阳性", "阳"}
NEGATIVE = {"negative", "neg", "-", "hr-", "negativ", "negatif", "negativo", "negativa", "negatief", "阴性", "阴"}

LIKELY = {
    "patient_id": "patient id, patientid, patient no, patient number, pat id, pat nr, patnr, patientennummer, patienten id, fallnummer, "
    "id patient, numero patient, n patient, id paciente, id paziente, patientnummer, subject, subject id, case id, id, 病人编号, 患者编号, 编号",
    "cohort": "cohort, kohorte, cohorte, coorte, coorte, cohort naam, study, studie, 队列",
    "age_years": "age, alter, alter jahre, alter bei diagnose, age at diagnosis, edad, eta, idade, leeftijd, age ans, 年龄",
    "clinical_stage": "stage, clinical stage, ctnm stage, stadium, klinisches stadium, stade, estadio, stadio, estadiamento, 分期, 临床分期",
    "hr_status": "hr, hr status, hormone receptor, hormonrezeptor, hormonrezeptorstatus, recepteurs hormonaux, receptores hormonales, "
    "recettori ormonali, hormoonreceptor, 激素受体",
    "her2_ihc": "her2, her2 ihc, her2 status, her2 score, her2 免疫组化",
    "tils_percent": "tils, til, stils, tils percent, 肿瘤浸润淋巴细胞",
    "regimen": "regimen, therapy, treatment, therapie, regime, schema, traitement, tratamiento, trattamento, tratamento, behandeling, 方案, 治疗方案",
    "is_pcr": "pcr, ypt0 ypn0, pathological complete response, komplettremission, pathologische komplettremission, rpc, 病理完全缓解",
    "os_months": "os months, os time, os monate, overall survival months, os mois, os meses, os mesi, os maanden, 总生存时间",
    "os_event": "os event, os status, death, dead, tod, verstorben, deces, muerte, morte, obito, overleden, 死亡",
    "dfs_months": "dfs months, dfs time, dfs monate, dfs mois, dfs meses, dfs mesi, dfs maanden, 无病生存时间",
    "dfs_event": "dfs event, dfs status, recurrence, relapse, rezidiv, rechute, recidiva, recidiva, recidief, 复发",
}
"""ours -> names that tables give it, comma-separated, in `plain_name`'s form."""

_PRIVATE = """first name, last name, surname, family name, given name, full name, patient name, name, dob, birth date, date of birth, birthday,
mrn, ssn, medical record, record number, address, street, zip, postcode, phone, telephone, mobile, fax, email, comment, comments, note, notes, remark,
remarks, slide label, insurance, vorname, nachname, familienname, geburtsdatum, geburtstag, geb datum, gebdat, adresse, anschrift, strasse, plz,
telefon, telefonnummer, handy, bemerkung, bemerkungen, kommentar, notiz, anmerkung, versichertennummer, krankenkasse, prenom, nom, nom de famille,
date de naissance, naissance, ddn, rue, code postal, telephone portable, remarque, commentaire, numero de securite sociale, ipp, nombre, apellido,
apellidos, fecha de nacimiento, fecha nacimiento, nacimiento, direccion, calle, codigo postal, telefono, movil, correo, comentario, observaciones,
historia clinica, nhc, dni, cognome, nome, data di nascita, data nascita, indirizzo, codice fiscale, cellulare, commento, commenti, nota, sobrenome,
apelido, nome completo, data de nascimento, nascimento, endereco, telefone, cpf, observacao, comentarios, voornaam, achternaam, geboortedatum,
adres, telefoonnummer, opmerking, opmerkingen, bsn, initials, initialen, iniciales, iniziali"""
PRIVATE = {" ".join(word.split()) for word in _PRIVATE.split(",")}
_PRIVATE_CJK = ("姓名", "名字", "出生", "生日", "电话", "手机", "地址", "住址", "身份证", "病历号", "住院号", "备注", "邮箱")
_MAIL_OR_PHONE = re.compile(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$|^\+?\d[\d\s()/-]{7,}\d$", re.IGNORECASE)
_NAME_WORD = r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*"
_PERSON = re.compile(rf"^(?:{_NAME_WORD},?\s+){{1,3}}{_NAME_WORD}$")
_CJK_PERSON = re.compile(r"^[\u4e00-\u9fff]{2,4}$")


def bare(text: str) -> str:
    """Return a word in lower case without accents: sí is si, não is nao."""
    parts = unicodedata.normalize("NFKD", text.strip().lower())
    return "".join(c for c in parts if not unicodedata.combining(c))


def plain_name(text: str) -> str:
    """Return a column's name in lower case without accents, its words parted by single blanks (camelCase and _ too)."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"\w+", bare(parted.replace("ß", "ss")).replace("_", " ")))


def is_private_name(text: str) -> bool:
    """Tell whether a column is called like a person's name, birth, address, number or free text, in one of the languages."""
    pieces = set()
    for words in (plain_name(text).split(), plain_name(text.lower()).split()):
        pieces |= {" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, min(len(words), a + 4) + 1)}
    return bool(pieces & PRIVATE) or any(part in text for part in _PRIVATE_CJK)


def is_contact(value: str) -> bool:
    """Tell whether a value is a mail address or has the form of a telephone number."""
    return bool(_MAIL_OR_PHONE.match(value)) and not re.fullmatch(r"\d+", value)


def are_persons(values: list[str]) -> bool:
    """Tell whether most of these ids look like people's names: two or more words of letters alone, or two to four Chinese signs."""
    looked = [value for value in values if _PERSON.match(value) or _CJK_PERSON.match(value)]
    return len(looked) > 0.5 * len(values) if values else False


def likely_column(name: str) -> str | None:
    """Return which of our columns a name most likely is, None where no list has it."""
    plain = {plain_name(name), plain_name(name.lower())}
    if ENDPOINT.match(name.lower()):
        return name.lower()
    for ours, names in LIKELY.items():
        if plain & {plain_name(ours), *(plain_name(one) for one in names.split(","))}:
            return ours
    return None
