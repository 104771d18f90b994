"""The commands. Each imports what it needs when it runs, so that help needs no data library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .._version import __version__
from .base import Group, Option, Session, common
from .books import BOOKS
from .checking import CHECKING
from .clear import CLEARING
from .ledger import COMMANDS
from .options import (
    ENCODING,
    FORMAT,
    PATH,
    as_json,
    for_people,
    inputs,
    json_out,
    out_encoding,
    out_folder,
    out_format,
    own_functions,
    rules_of_settling,
    threads,
    what_counts,
)
from .outside import OUTSIDE
from .studies import STUDIES


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
@as_json
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
@as_json
@click.option("--detail", cls=Option, is_flag=True, zh="同时写出分层结果。", en="Also write one row a visit and layer.")
@click.option("--lines-out", cls=Option, is_flag=True, zh="同时写出明细结果。", en="Also write one row a fee line.")
@out_encoding
@out_format
@out_folder
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
@what_counts
@own_functions
@as_json
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
@json_out
@threads
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


@app.command(
    "describe",
    zh="说明输入列、输出列、规则检查的表、政策属性、原因代码、回执，或清算与待遇的各表及代码。",
    en="Describe input columns, output columns, tables of rule checks, policy attributes, reason codes, receipts, or tables and codes of clearing and benefits.",
)
@click.argument("what", type=click.Choice(["inputs", "outputs", "checks", "findings", "attributes", "reasons", "receipt", "clearing", "cleared", "benefits", "clearing-codes"]))  # fmt: skip
@common
@click.option("--markdown", cls=Option, is_flag=True, zh="以 Markdown 输出。", en="As Markdown.")
@json_out
def describe(session: Session, what: str, as_json: bool, markdown: bool) -> int:
    from .describe import describe as work

    return work(session, what, as_json, markdown)


for command in (*BOOKS, *CHECKING, *COMMANDS, *CLEARING, *STUDIES, *OUTSIDE):
    app.add_command(command)

__all__ = ["app"]
