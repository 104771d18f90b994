"""Job documents: what they hold, what is told of wrong ones, and their published schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from ybcore import DocumentError
from ybcore.jobs.document import bytes_of, json_schema, load_job
from ybcore.policy.reader import parse_text

ROOT = Path(__file__).resolve().parent.parent

GOOD = """\
ybcore: job/1
policy: [政策/]
catalog: catalog/
inputs:
  visits: data/visits/*.parquet
  lines: [data/lines/, s3://bucket/more/]
  diagnoses: 诊断.parquet
opening: last-year/
rules: rules/
output: 输出/
outputs: {lines: true, state: false, columns: [hifp_pay, psn_cash_pay]}
memory: 1.5 GiB
threads: 2
"""


def written(folder: Path, text: str = GOOD) -> Path:
    for name in ("政策", "catalog", "last-year", "rules"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_document_says_everything(tmp_path: Path):
    job = load_job(written(tmp_path))
    assert job.policy == (tmp_path / "政策",) and job.rules == (tmp_path / "rules",)
    assert job.inputs == {
        "visits": ("data/visits/*.parquet",),
        "lines": ("data/lines/", "s3://bucket/more/"),
        "diagnoses": ("诊断.parquet",),
    }
    assert (job.output, job.opening, job.folder) == (tmp_path / "输出", tmp_path / "last-year", tmp_path)
    assert (job.outputs.lines, job.outputs.detail, job.outputs.state) == (True, False, False)
    assert job.outputs.columns == ("hifp_pay", "psn_cash_pay")
    assert (job.memory, job.threads) == (1536 * 1024**2, 2)


def test_defaults_and_options(tmp_path: Path):
    text = "ybcore: job/1\npolicy: 政策\ninputs: {visits: v.parquet}\noutput: out\nopening: null\noutputs: {columns: null}\n"
    job = load_job(written(tmp_path, text))
    assert (job.memory, job.threads, job.opening, job.catalog, job.rules) == (4 * 1024**3, None, None, None, ())
    assert job.outputs.state and not job.outputs.lines and job.outputs.columns is None
    other = load_job(tmp_path / "job.yaml", memory="512MiB", threads=3, output=tmp_path / "there")
    assert (other.memory, other.threads, other.output) == (512 * 1024**2, 3, tmp_path / "there")
    assert other.sha256 == job.sha256, "neither places nor memory nor threads change the answer"
    (tmp_path / "job.yaml").write_text(text.replace("columns: null", "lines: true"), encoding="utf-8")
    assert load_job(tmp_path / "job.yaml").sha256 != job.sha256


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * 1024**3),
        ("512 mib", 512 * 1024**2),
        ("1.5GB", 1_500_000_000),
        ("1000B", 1000),
        ("2TiB", 2 * 1024**4),
    ],
)
def test_sizes(text: str, size: int):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "4", "4G", "-1GiB", "0GiB", "GiB", "1e9B", "4 giga"])
def test_no_sizes(text: str):
    with pytest.raises(ValueError):
        bytes_of(text)


def test_every_problem_with_its_place(tmp_path: Path):
    bad = (
        GOOD.replace("visits:", "visit:")
        .replace("output:", "ouput:")
        .replace("1.5 GiB", "much")
        .replace("hifp_pay", "hifp_pai")
        .replace("threads: 2", "threads: -2")
    )
    with pytest.raises(DocumentError) as wrong:
        load_job(written(tmp_path, bad))
    told = {p.path: p for p in wrong.value.problems}
    assert set(told) == {"output", "inputs", "inputs.visit", "ouput", "outputs.columns[0]", "memory", "threads"}
    assert told["inputs.visit"].nearest == "visits" and (told["inputs.visit"].line, told["inputs.visit"].column) == (
        5,
        3,
    )
    assert told["ouput"].nearest == "output" and told["ouput"].line == 10
    assert told["outputs.columns[0]"].nearest == "hifp_pay" and told["memory"].line == 12
    for lang, words in (("zh", ("不是容量", "缺少必填项")), ("en", ("is no size", "a required key is missing"))):
        assert all(word in wrong.value.render(lang) for word in words)


@pytest.mark.parametrize(
    ("old", "new", "path", "what", "zh"),
    [
        ("rules: rules/\n", "", "inputs.diagnoses", "diagnoses is read by rules only", "只有审核规则才读取"),
        ("catalog: catalog/\n", "", "inputs.lines", "fee lines are given but no catalogue", "没有目录"),
        ("policy: [政策/]", "policy: [政策/, 别处/]", "policy[1]", "is not there", "不存在"),
        ("job/1", "job/2", "ybcore", "unknown format 'job/2'", "未知的格式"),
        ("ybcore: job/1\n", "", "", "not a job document", "不是作业文件"),
        ("threads: 2", "threads: 2\nthreads: 3", "threads", "duplicate key 'threads'", "重复"),
        ("[data/lines/, s3://bucket/more/]", "[]", "inputs.lines", "too few items", "项太少"),
        ("[政策/]", "[]", "policy", "too few items", "项太少"),
        ("outputs: {", "outputs: [", "", "not YAML", "不是合法的 YAML"),
    ],
)
def test_one_problem(tmp_path: Path, old: str, new: str, path: str, what: str, zh: str):
    assert old in GOOD
    with pytest.raises(DocumentError) as wrong:
        load_job(written(tmp_path, GOOD.replace(old, new)))
    (problem,) = wrong.value.problems
    assert problem.path == path and what in problem.what and zh in problem.what_zh and problem.line


def test_no_document(tmp_path: Path):
    for path, what in ((tmp_path / "none.yaml", "the file is not there"), (tmp_path, "a folder, not a document")):
        with pytest.raises(DocumentError, match=what):
            load_job(path)


def test_the_schema_accepts_what_the_loader_accepts(tmp_path: Path):
    jsonschema = pytest.importorskip("jsonschema", reason="the jsonschema package is not installed")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    contract = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    for text in (GOOD, contract):
        doc = parse_text(text).doc
        if "columns" in doc["outputs"] and doc["outputs"]["columns"] == "null":
            doc["outputs"]["columns"] = None  # as an editor reads it
        assert [error.message for error in validator.iter_errors(doc)] == []
    for old, new in [
        ("visits:", "visit:"),
        ("memory: 1.5 GiB", "memory: [1]"),
        ("state: false", "state: perhaps"),
        ("ybcore: job/1", "ybcore: job/9"),
    ]:
        assert list(validator.iter_errors(parse_text(GOOD.replace(old, new)).doc))
