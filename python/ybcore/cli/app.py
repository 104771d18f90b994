"""The commands. Each imports what it needs when it runs, so that help needs no data library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .._version import __version__
from .base import Group, Option, Session, common
from .clear import CLEARING
from .ledger import COMMANDS
from .options import (
    DAY,
    ENCODING,
    FORMAT,
    for_people,
    inputs,
    out_encoding,
    out_format,
    own_functions,
    rules_of_settling,
    what_counts,
)
from .outside import OUTSIDE
from .studies import STUDIES

PATH = click.Path(path_type=Path)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"ybcore {__version__}")
        ctx.exit()


@click.group(
    "ybcore",
    cls=Group,
    zh="基本医疗保险结算：按政策文件结算，精确到分，可逐步解释，可重现。",
    en="Settlement of Chinese basic medical insurance: by policy documents, exact to the fen, explainable, reproducible.",
    params=[
        Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, zh="显示版本后退出。", en="Show the version and exit."),
        Option(["--lang"], expose_value=False, type=click.Choice(["zh", "en"]), zh="语言；默认取自 LANG，否则中文。", en="Language; default from LANG, else Chinese."),
    ],
)  # fmt: skip
def app() -> None:
    pass


@app.command(
    "demo",
    zh="生成一座合成城市，结算并显示汇总。\n\n不少于二十万笔结算、二百万行明细，三个险种（职工 310、居民 390、新农合 380），用随附政策文件结算。",
    en="Make a synthetic city, settle it and show the summary.\n\n200,000 visits with two million fee lines under three schemes (employee 310, resident 390, rural 380), settled by the policy documents shipped.",
)
@common
@click.option("--threads", cls=Option, type=click.IntRange(1, 1024), zh="线程数。", en="Threads.")
@click.option("--seed", cls=Option, type=int, default=1, show_default=True, zh="随机种子。", en="Seed.")
@click.option(
    "--visits", cls=Option, type=click.IntRange(100), default=200_000, show_default=True, zh="结算笔数。", en="Visits."
)
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    default=Path("ybcore-demo"),
    show_default=True,
    zh="输出文件夹。",
    en="Folder for the outputs.",
)
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出汇总。", en="The summary as JSON.")
def demo(session: Session, **options: Any) -> int:
    from .settle import demo as work

    return work(session, **options)


@app.command("synth", zh="生成一座合成城市，写入文件夹。", en="Make a synthetic city and write it to a folder.")
@common
@click.option(
    "--encoding", cls=Option, type=ENCODING, default="utf-8", show_default=True, zh="CSV 编码。", en="Encoding of CSV."
)
@click.option(
    "--format", "format_", cls=Option, type=FORMAT, default="parquet", show_default=True, zh="文件格式。", en="Format."
)
@click.option("--seed", cls=Option, type=int, default=1, show_default=True, zh="随机种子。", en="Seed.")
@click.option(
    "--lines-per-visit",
    cls=Option,
    type=float,
    default=10.0,
    show_default=True,
    zh="平均每笔明细行数。",
    en="Mean fee lines of a visit.",
)
@click.option(
    "--persons",
    cls=Option,
    type=click.IntRange(1),
    zh="人数；默认结算笔数的十分之一。",
    en="Persons; default a tenth of the visits.",
)
@click.option(
    "--visits", cls=Option, type=click.IntRange(1), default=200_000, show_default=True, zh="结算笔数。", en="Visits."
)
@click.option(
    "--clinical",
    cls=Option,
    is_flag=True,
    zh="同时生成规则检查所需的诊断、手术、医师、检验和进销存。",
    en="With diagnoses, operations, doctors, laboratory values and stock for rule checks.",
)
@click.option(
    "--plants",
    cls=Option,
    type=click.IntRange(0),
    default=0,
    show_default=True,
    zh="每条规则植入的违规数；大于 0 时同 --clinical。",
    en="Violations of each rule to plant; above 0 means --clinical.",
)
@click.option(
    "--clearing",
    cls=Option,
    type=click.IntRange(0),
    default=0,
    show_default=True,
    zh="另生成若干清算病例及其病组、预算、定额，写入 clearing 文件夹。",
    en="So many cases for clearing besides, with groups, budgets and quotas, in the folder clearing.",
)
@click.option("--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder to write to.")
def synth(session: Session, **options: Any) -> int:
    from .settle import synth as work

    return work(session, **options)


@app.command(
    "settle",
    zh="结算文件中的就诊，写出结算结果、期末状态、回执与汇总。\n\n给出 --rules 时，先把审核规则拒付的金额转为全自费再结算，并在结果旁写出违规结果、违规明细与运行清单。",
    en="Settle visits from files; write settlements, the closing state, the receipt and a summary.\n\nWith --rules, what rule checks deny moves to full self-pay first; findings, details and the manifest stand beside the settlements.",
)
@common
@inputs
@rules_of_settling
@for_people
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出汇总。", en="The summary as JSON.")
@click.option("--detail", cls=Option, is_flag=True, zh="同时写出分层结果。", en="Also write one row a visit and layer.")
@click.option("--lines-out", cls=Option, is_flag=True, zh="同时写出明细结果。", en="Also write one row a fee line.")
@out_encoding
@out_format
@click.option("--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder for the outputs.")
def settle(session: Session, **options: Any) -> int:
    from .settle import settle as work

    return work(session, **options)


@app.command(
    "run",
    zh="按作业文件结算超出内存的 Parquet 数据：可随时中断，重新运行即从中断处继续；全部写完才出现输出文件夹。\n\nJOB 为作业文件（ybcore: job/1）。选项优先于作业文件。",
    en="Settle Parquet data larger than memory by a job document: it may be stopped at any moment and goes on where it was; the output folder appears when all is there.\n\nJOB: a job document (ybcore: job/1). Options win over the document.",
)
@click.argument("job", type=PATH, metavar="JOB")
@common
@own_functions
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出汇总。", en="The summary as JSON.")
@click.option(
    "--replace",
    cls=Option,
    is_flag=True,
    zh="输入或文件已变，或输出已存在：重新结算，完成后替换。",
    en="Where inputs or documents have changed or the output is there: settle anew, and swap the folders at the end.",
)
@click.option("--out", "output", cls=Option, type=PATH, zh="输出文件夹。", en="Folder for the outputs.")
@click.option("--threads", cls=Option, type=click.IntRange(1, 1024), zh="线程数。", en="Threads.")
@click.option("--memory", cls=Option, metavar="SIZE", zh="内存上限，如 4GiB。", en="Bound of memory, such as 4GiB.")
@click.option(
    "--engine",
    cls=Option,
    type=click.Choice(["local", "spark"]),
    default="local",
    zh="在本机（local）或 Spark 集群（spark）上运行。",
    en="Run on this machine (local) or on a Spark cluster (spark).",
)
@click.option("--master", cls=Option, metavar="URL", zh="Spark 集群地址。", en="URL of the Spark cluster.")
@click.option(
    "--conf",
    cls=Option,
    metavar="NAME=VALUE",
    multiple=True,
    zh="Spark 设置，可多次给出。",
    en="A setting of Spark; may be given several times.",
)
def run(session: Session, **options: Any) -> int:
    from .run import run as work

    return work(session, **options)


@app.command(
    "check",
    zh="按审核规则检查文件夹中的就诊与明细，写出违规结果、违规明细与运行清单。\n\n读取文件夹中已有的各表；规则所需的列或表缺失时跳过该规则，并在清单中写明。",
    en="Check the visits and lines of a folder by rules; write findings, details and the manifest.\n\nReads whatever tables the folder has; a rule that needs a column or table which is not there is skipped, and the manifest says so.",
)
@common
@own_functions
@for_people
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出汇总。", en="The summary as JSON.")
@out_encoding
@out_format
@click.option(
    "--threads",
    cls=Option,
    type=click.IntRange(1, 1024),
    zh="线程数；默认全部可用核。",
    en="Threads; default all cores lent to the process.",
)
@click.option(
    "--labels",
    cls=Option,
    type=PATH,
    zh="复核结果（jr_id、outcome：confirmed 或 overturned；.csv 或 .parquet），按规则统计准确率。",
    en="What people decided about findings (jr_id, outcome: confirmed or overturned; .csv or .parquet): precision by rule.",
)
@what_counts
@click.option(
    "--stage",
    cls=Option,
    type=click.Choice(["before", "during", "after"]),
    default="after",
    show_default=True,
    zh="事前、事中或事后。",
    en="Before, during or after the act.",
)
@click.option(
    "--catalog",
    cls=Option,
    type=PATH,
    zh="目录文件夹；默认 INPUT 下的 catalog。",
    en="Catalogue folder; default catalog in the input folder.",
)
@click.option("--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder for the outputs.")
@click.option(
    "--rules",
    "paths",
    cls=Option,
    multiple=True,
    type=PATH,
    zh="规则文件或文件夹；可多次给出；默认随附的规则。",
    en="Rule document or folder; may be repeated; default the shipped ones.",
)
@click.option(
    "--input",
    "folder",
    cls=Option,
    type=PATH,
    required=True,
    zh="放有各表（及 catalog）的文件夹。",
    en="Folder with the tables (and catalog).",
)
def check(session: Session, **options: Any) -> int:
    from .check import check as work

    return work(session, **options)


@app.command(
    "explain",
    zh="逐步解释一笔结算，并核对与批量结果逐列相等。\n\n用 --run 指向一次 settle、demo、resettle 或 run 的输出文件夹，或给出同样的输入。带规则的结算，先说明规则转出了哪些金额。",
    en="Explain one settlement step by step, and prove it equal to the bulk result.\n\nName the output folder of a settle, demo, resettle or run by --run, or give the same inputs. Of a settlement with rules, it first tells which money they moved.",
)
@common
@inputs
@rules_of_settling
@click.option(
    "--format",
    "format_",
    cls=Option,
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    zh="文字、JSON，或一页可离线打开的 HTML 图示。",
    en="Text, JSON, or one HTML page with charts that opens offline.",
)
@click.option(
    "--json", "format_", cls=Option, flag_value="json", zh="即 --format json。", en="The same as --format json."
)
@click.option("--out", cls=Option, type=PATH, zh="写入文件，代替标准输出。", en="Write to a file instead of stdout.")
@click.option(
    "--run",
    "run_folder",
    cls=Option,
    type=PATH,
    zh="settle、demo、resettle 或 run 的输出文件夹。",
    en="Output folder of settle, demo, resettle or run.",
)
@click.option("--setl-id", cls=Option, required=True, zh="要解释的结算ID。", en="The settlement to explain.")
def explain(session: Session, **options: Any) -> int:
    from .explain import explain as work

    return work(session, **options)


@app.command(
    "verify",
    zh="核验一次结算：文件、政策、目录、规则、合计与回执相符，并抽取若干人按输入重新结算，逐格比对。清算与待遇全部重新计算；测算重新结算现行政策与另一政策，--all 重做全部。\n\nFOLDER 为 settle、demo、resettle、run、clear 或 simulate 的输出文件夹，或一份回执（benefit 的回执在结果文件旁）。相符退出码为 0，否则为 1。",
    en="Prove a run again: files, policies, catalogue, rules and sums are those of its receipt, and people drawn by a seed are settled from the inputs and compared cell by cell. Clearing and benefits are reckoned again whole; of a study the base and one policy are settled again, with --all everything is done again.\n\nFOLDER: output of settle, demo, resettle, run, clear or simulate, or a receipt (that of benefit stands beside its file). Exit code 0 when all is as the receipt says, else 1.",
)
@click.argument("folder", type=PATH)
@common
@own_functions
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出。", en="As JSON.")
@click.option(
    "--threads",
    cls=Option,
    type=click.IntRange(1, 1024),
    zh="线程数；默认全部可用核。",
    en="Threads; default all cores lent to the process.",
)
@click.option("--all", "everybody", cls=Option, is_flag=True, zh="重新结算所有人。", en="Settle everybody again.")
@click.option("--seed", cls=Option, type=int, default=1, show_default=True, zh="抽样种子。", en="Seed of the sample.")
@click.option(
    "--people",
    cls=Option,
    type=click.IntRange(1),
    default=100,
    show_default=True,
    zh="抽取人数；同一结算组的人一并重新结算，各结果、原因必有若干人。",
    en="Persons to draw; those settled with them come too, and some of every outcome and reason.",
)
@click.option(
    "--study",
    cls=Option,
    type=PATH,
    zh="测算文件现在所在；默认在结果文件夹旁或其中。",
    en="Where the document of a study lies now; without it beside the folder or in it.",
)
def verify(session: Session, **options: Any) -> int:
    from .verify import verify as work

    return work(session, **options)


@app.group("policy", zh="检查、展示政策文件。", en="Check and show policy documents.")
def policy() -> None:
    pass


@policy.command(
    "check", zh="检查政策文件或文件夹，一次列出全部问题。", en="Check documents or folders; every problem at once."
)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@common
def policy_check(session: Session, paths: tuple[Path, ...]) -> int:
    from .documents import check_policy

    return check_policy(session, paths)


@policy.command(
    "show",
    zh="以易读的树展示一份政策；--json 输出规范形式。",
    en="Show a document as a readable tree; --json prints its canonical form.",
)
@click.argument("path", type=PATH)
@common
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="规范 JSON。", en="Canonical JSON.")
def policy_show(session: Session, path: Path, as_json: bool) -> int:
    from .documents import show_policy

    return show_policy(session, path, as_json)


@policy.command("schema", zh="政策文件的 JSON Schema。", en="The JSON Schema of policy documents.")
@common
def policy_schema(session: Session) -> int:
    from .documents import schema

    return schema(session)


@app.group("catalog", zh="检查医保目录。", en="Check catalogues.")
def catalog() -> None:
    pass


@catalog.command("check", zh="检查目录文件夹。", en="Check a catalogue folder.")
@click.argument("path", type=PATH)
@common
def catalog_check(session: Session, path: Path) -> int:
    from .documents import check_catalog

    return check_catalog(session, path)


@app.group(
    "rules",
    zh="列出、展示、校验、回放审核规则，追问一行为何未命中。",
    en="List, show, validate and replay rule checks; ask why a row was not hit.",
)
def rules() -> None:
    pass


@rules.command("list", zh="列出规则文件或文件夹中的规则。", en="List the rules of documents or folders.")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@common
@own_functions
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出。", en="As JSON.")
def rules_list(session: Session, paths: tuple[Path, ...], as_json: bool) -> int:
    from .rules import list_rules

    return list_rules(session, paths, as_json)


@rules.command(
    "show",
    zh="展示一条规则：范围、内核、参数、表、来源与自行选定之处；--json 输出原文。",
    en="Show a rule: scope, kernel, parameters, table, source and choices; --json prints it as written.",
)
@click.argument("path", type=PATH)
@click.argument("rule_id", metavar="ID")
@common
@own_functions
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出原文。", en="As written, in JSON.")
def rules_show(session: Session, path: Path, rule_id: str, as_json: bool) -> int:
    from .rules import show_rule

    return show_rule(session, path, rule_id, as_json)


@rules.command(
    "validate",
    zh="校验规则文件或文件夹，一次列出全部问题。",
    en="Validate documents or folders; every problem at once.",
)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@common
@own_functions
def rules_validate(session: Session, paths: tuple[Path, ...]) -> int:
    from .rules import validate

    return validate(session, paths)


def of_folder(command: Any) -> Any:
    """The options that say what rules look at."""
    options = [
        Option(["--input", "folder"], type=PATH, required=True, zh="放有各表（及 catalog）的文件夹。", en="Folder with the tables (and catalog)."),
        Option(["--catalog"], type=PATH, zh="目录文件夹；默认 INPUT 下的 catalog。", en="Catalogue folder; default catalog in the input folder."),
        Option(["--stage"], type=click.Choice(["before", "during", "after"]), default="after", show_default=True, zh="事前、事中或事后。", en="Before, during or after the act."),
        Option(["--known-at"], type=DAY, zh="只用当日已公布的知识点（YYYY-MM-DD）。", en="Only rows of rule tables known by that day (YYYY-MM-DD)."),
        Option(["--threads"], type=click.IntRange(1, 1024), zh="线程数；默认全部可用核。", en="Threads; default all cores lent to the process."),
        Option(["--json", "as_json"], is_flag=True, zh="以 JSON 输出。", en="As JSON."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command


@rules.command(
    "replay",
    zh="回放：一条规则的阈值取各个值时，各命中多少、涉及多少金额，不必逐一重跑。\n\nRULES 默认随附的规则。",
    en="What a rule would find at each of many values of its figure, and how much money, without a run for each.\n\nRULES: documents or folders; default the shipped ones.",
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[RULES]...")
@common
@own_functions
@of_folder
@out_encoding
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    zh="结果文件（.csv、.parquet 或 .json）。",
    en="File for the result (.csv, .parquet or .json).",
)
@click.option(
    "--figure",
    cls=Option,
    zh="规则有多个阈值时，其在 check 中的路径，如 windows[0].thresholds[0].value。",
    en="Where the rule has several: its path in check, such as windows[0].thresholds[0].value.",
)
@click.option("--step", cls=Option, zh="步长。", en="Step.")
@click.option("--to", "last", cls=Option, zh="最后一个值。", en="Last value.")
@click.option("--from", "first", cls=Option, zh="第一个值。", en="First value.")
@click.option(
    "--values",
    cls=Option,
    zh="各个值，逗号分隔，单位同规则文件，最多 100 个。",
    en="Values with commas between, in the document's unit, at most 100.",
)
@click.option("--rule", "rule_id", cls=Option, required=True, zh="规则编号。", en="Id of the rule.")
def rules_replay(session: Session, paths: tuple[Path, ...], **options: Any) -> int:
    from .replay import replay

    return replay(session, paths, **options)


@rules.command(
    "why",
    zh="追问：一条规则为何没有命中某条明细或某次就诊，命中的又如何处理。\n\nROW 为 setl_id/feedetl_sn，或就诊的 setl_id；没有 feedetl_sn 的明细写 setl_id/#序号。",
    en="Why a rule did not hit a fee line or a visit, or what became of it where it did.\n\nROW is setl_id/feedetl_sn, or a visit's setl_id; a line without feedetl_sn is setl_id/#place.",
)
@click.argument("rows", nargs=-1, required=True, metavar="ROW...")
@common
@of_folder
@click.option(
    "--suppress", cls=Option, type=PATH, zh="抑制清单（.csv 或 .parquet）。", en="Suppression list (.csv or .parquet)."
)
@click.option(
    "--rules",
    "paths",
    cls=Option,
    multiple=True,
    type=PATH,
    zh="规则文件或文件夹；可多次给出；默认随附的规则。",
    en="Rule document or folder; may be repeated; default the shipped ones.",
)
@click.option("--rule", "rule_id", cls=Option, required=True, zh="规则编号。", en="Id of the rule.")
def rules_why(session: Session, rows: tuple[str, ...], **options: Any) -> int:
    from .why import why

    return why(session, rows, **options)


@rules.command("schema", zh="规则文件的 JSON Schema。", en="The JSON Schema of rule documents.")
@common
def rules_schema(session: Session) -> int:
    from .rules import schema

    return schema(session)


@app.command(
    "describe",
    zh="说明输入列、输出列、规则检查的表、政策属性、原因代码、回执，或清算与待遇的各表及代码。",
    en="Describe input columns, output columns, tables of rule checks, policy attributes, reason codes, receipts, or tables and codes of clearing and benefits.",
)
@click.argument("what", type=click.Choice(["inputs", "outputs", "checks", "findings", "attributes", "reasons", "receipt", "clearing", "cleared", "benefits", "clearing-codes"]))  # fmt: skip
@common
@click.option("--markdown", cls=Option, is_flag=True, zh="以 Markdown 输出。", en="As Markdown.")
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出。", en="As JSON.")
def describe(session: Session, what: str, as_json: bool, markdown: bool) -> int:
    from .describe import describe as work

    return work(session, what, as_json, markdown)


for command in (*COMMANDS, *CLEARING, *STUDIES, *OUTSIDE):
    app.add_command(command)

__all__ = ["app"]
