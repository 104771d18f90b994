"""`simulate`: a study from a file; the page, the workbook, tables, pictures and a receipt."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError, Problem
from ..messages import current, say
from ..report import charts, studied_book, studied_page
from ..report.studied import Studied
from ..report.studied_charts import pictures
from ..report.studied_told import print_studied, summarise
from ..simulate.study import Study, load_study
from ..simulate.studymodel import json_schema
from ..simulate.studyreceipt import write_receipt
from ..simulate.studyrun import StudyRun, check_study, run_study
from .base import Session

__all__ = ["check", "schema", "simulate"]


def simulate(session: Session, study: Path, *, out: Path, threads: int | None, as_json: bool) -> int:
    """Read, run, write, tell."""
    document = load_study(study)
    family = _ready(document)
    _apart(document, out)
    run = run_study(document, threads=threads, watch=session.progress)
    written = _tables(session, run, out)
    written |= _for_people(session, run, out, family)
    receipt = write_receipt(run, out, written, language=current(), font=family)
    names = [path.relative_to(out).as_posix() for path in (*written, receipt) if path.parent == out]
    session.say(f"已写入 {out}/：{'、'.join(names)}、tables/、pictures/", f"written to {out}/: {', '.join(names)}, tables/, pictures/")  # fmt: skip
    if as_json:
        session.data(json.dumps(summarise(Studied(run)), ensure_ascii=False, indent=1))
    else:
        print_studied(Studied(run), session.out())
    return 0


def check(session: Session, path: Path) -> int:
    """The document, its policies, reforms, knobs and fund; a failure raises DocumentError with every problem."""
    document = load_study(path)
    check_study(document)
    session.data(say("通过：", "ok: ") + document.id)
    return 0


def schema(session: Session) -> int:
    """The JSON Schema."""
    session.data(json.dumps(json_schema(), ensure_ascii=False, indent=1))
    return 0


def _ready(study: Study) -> str | None:
    """Nobody waits for a page that cannot be written: libraries and the font are looked for first. Gives the font's family."""
    outputs = study.model.outputs
    if outputs.workbook:
        studied_book.needed()
    if outputs.page:
        studied_page.needed()
    return charts.font_found(outputs.font) if outputs.page or outputs.pictures else None


def _apart(study: Study, out: Path) -> None:
    """The outputs do not go where the inputs are."""
    held = {path.resolve() for _, _, path in study.files()} | {study.path.resolve().parent}
    if out.resolve() in held:
        what, zh = "the outputs cannot go into a folder of the inputs", "输出不能写入输入所在的文件夹"
        raise InputError([Problem(what=what, what_zh=zh, file=str(out))])


def _tables(session: Session, run: StudyRun, out: Path) -> dict[Path, int | None]:
    """Every table as Parquet."""
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    (out / "receipt.json").unlink(missing_ok=True)  # whatever is there now is not what it says
    files: dict[Path, int | None] = {}
    with session.step("写出各表", "write the tables"):
        for name, table in run.tables.items():
            path = folder / f"{name}.parquet"
            _write(table, path)
            files[path] = table.num_rows
    return files


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def _for_people(session: Session, run: StudyRun, out: Path, family: str | None) -> dict[Path, int | None]:
    """The page, the workbook and the pictures that were asked for."""
    outputs = run.study.model.outputs
    files: list[Path] = []
    if outputs.pictures:
        assert family is not None
        folder = out / "pictures"
        folder.mkdir(exist_ok=True)
        drawn = [picture for held in pictures(Studied(run)).values() for picture in held]
        endings = [ending for ending in outputs.pictures if ending != "pdf"]
        with session.progress("画图", "draw the charts") as tell:
            for done, picture in enumerate(drawn if endings else [], 1):
                for ending in endings:
                    files.append(folder / f"{picture.name}.{ending}")
                    charts.save(picture, files[-1], family)
                tell(done, len(drawn))
        if "pdf" in outputs.pictures and drawn:
            with session.step("写出 PDF", "write the PDF"):
                files.append(folder / "charts.pdf")
                charts.save_pages(drawn, files[-1], family)
    if outputs.workbook:
        files.append(out / "study.xlsx")
        with session.step("写出 Excel", "write the workbook"):
            studied_book.write_workbook(run, files[-1])
    if outputs.page:
        assert family is not None
        files.append(out / "study.html")
        with session.step("写出 HTML", "write the page"):
            studied_page.write_page(run, files[-1], family)
    return dict.fromkeys(files)
