"""Tables as files: found, their footers read and compared, row groups read one by one with their checksums verified."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..columns.checkschema import CHECK_TABLES, checks_know
from ..columns.read import note_unknown
from ..columns.schema import Column, Table
from ..errors import InputError, Problem
from .columntypes import CODED, common_type, family, fitted, refused
from .files import Found, find_files, is_url, open_file, partitions_of, sha256_of, stamp_of
from .footers import DAMAGED, Footer, footer_of

if TYPE_CHECKING:
    from ..engine import Engine
    from .document import JobDocument

__all__ = ["DataFile", "Dataset", "changed_since", "find_datasets"]

_FOOTERS = 256
_LISTERS = 16


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    `path`: below the dataset's root, as outputs name it. `group_rows`: rows of each row group. `checksums`: whether its pages carry
    checksums. `location`: where it opens. `layout`: which of the dataset's layouts its columns have.
    """

    path: str
    index: int
    bytes: int
    mtime_ns: int
    group_rows: tuple[int, ...]
    checksums: bool
    location: str
    layout: int

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.group_rows)


@dataclass(frozen=True)
class Layout:
    """How files of one make hold the columns: by the name that the engine knows, where in the file it is, and its type there.

    A place of None is a folder `key=value`.
    """

    places: Mapping[str, tuple[str | None, pa.DataType]]


@dataclass(frozen=True)
class Dataset:
    """A table in files. `arrow`: the columns that the engine knows, under its names, as `read` gives them; `unread`: those that it does not."""

    name: str
    schema: Table
    files: tuple[DataFile, ...]
    arrow: pa.Schema
    layouts: tuple[Layout, ...]
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    _footers: _Footers = field(default_factory=lambda: _Footers(), repr=False, compare=False)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the schema."""
        return tuple(self.arrow.names)

    @property
    def row_bytes(self) -> int:
        """About what a row takes in memory: numbers as they are, a text of some twenty letters."""
        return sum(
            field.type.bit_width // 8 if _is_fixed(field.type) else 4 if field.type == CODED else 28
            for field in self.arrow
        )

    def sha256(self) -> str:
        """One hash over the names and bytes of all files. Reads every file."""
        whole = hashlib.sha256()
        for file in self.files:
            whole.update(f"{file.path} {file.bytes} {sha256_of(file.location)}\n".encode())
        return whole.hexdigest()

    def read(self, file: int, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group, all of it: `columns` of those that are there, in the order asked; default all.

        Raises InputError with file, row group and column when the file is damaged or has changed since it was found.
        """
        return pa.concat_tables(self.batches(file, group, columns, rows=None))

    def batches(
        self, file: int, group: int, columns: Sequence[str] | None = None, *, rows: int | None = 1 << 16
    ) -> Iterator[pa.Table]:
        """One row group in tables of at most `rows` rows (None: one table), so that a large one need not be held whole."""
        data = self.files[file]
        names = list(self.columns) if columns is None else [name for name in columns if name in self.arrow.names]
        places = self.layouts[data.layout].places
        wanted = [place for name in names if (place := places.get(name, (None,))[0]) is not None]
        read = 0
        for batch in self._raw(data, group, wanted, rows):
            read += batch.num_rows
            yield self._made(data, group, batch, names)
        if read != data.group_rows[group]:
            words = f"row group {group}: {read} rows, {data.group_rows[group]} in the footer; the file is damaged"
            zh = f"行组 {group}：读到 {read} 行，文件尾登记为 {data.group_rows[group]} 行；文件已损坏"
            raise InputError([Problem(what=words, what_zh=zh, file=data.location, path=self.name)])

    def _raw(self, data: DataFile, group: int, wanted: list[str], rows: int | None) -> Iterator[pa.Table]:
        """A row group as the file holds it."""
        if not wanted:
            yield pa.table({"": pa.nulls(data.group_rows[group])})
            return
        try:
            with self._open(data) as file:
                if rows is None:
                    yield _sound(file.read_row_group(group, columns=wanted, use_threads=False), data.group_rows[group])
                    return
                for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
                    yield _sound(pa.Table.from_batches([batch]))
        except DAMAGED as error:
            self._tell_damage(data, group, wanted, error)

    @contextmanager
    def _open(self, data: DataFile) -> Iterator[pq.ParquetFile]:
        if stamp_of(data.location) != (data.bytes, data.mtime_ns):
            raise InputError([changed_since(self.name, data.location)])
        places = self.layouts[data.layout].places.items()
        coded = [place for name, (place, _) in places if place is not None and self.arrow.field(name).type == CODED]
        with open_file(data.location) as source:
            footer = self._footers.get(data.index, lambda: pq.read_metadata(source))
            yield pq.ParquetFile(source, metadata=footer, read_dictionary=coded, page_checksum_verification=True)

    def _made(self, data: DataFile, group: int, raw: pa.Table, names: list[str]) -> pa.Table:
        """The engine's names and types; columns of folders added, and those that other files have left empty."""
        places = self.layouts[data.layout].places
        folders = partitions_of(data.location)
        out = []
        for name in names:
            kind = self.arrow.field(name).type
            place, _ = places.get(name, ("", None))
            if place is None:
                out.append(_constant(folders[_folder_key(folders, name, self.schema)], kind, raw.num_rows))
            elif place == "":
                out.append(pa.chunked_array([pa.nulls(raw.num_rows, kind)]))
            else:
                try:
                    out.append(fitted(raw.column(place), kind))
                except pa.ArrowException as error:
                    raise InputError([self._damage(data, group, place, error)]) from error
        return pa.table(out, schema=pa.schema([self.arrow.field(name) for name in names]))

    def _damage(self, data: DataFile, group: int, column: str, error: BaseException) -> Problem:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Problem(
            what=f"row group {group}: the column cannot be read, the file is damaged: {said}",
            what_zh=f"行组 {group}：无法读取该列，文件已损坏：{said}",
            file=data.location,
            path=f"{self.name}.{column}",
        )

    def _tell_damage(self, data: DataFile, group: int, wanted: list[str], error: BaseException) -> None:
        """Each column on its own, to name those that cannot be read. Raises InputError."""
        problems = []
        if isinstance(error, InputError):
            raise error
        if not os.path.exists(data.location) and not is_url(data.location):
            raise InputError([changed_since(self.name, data.location)]) from error
        for column in wanted:
            try:
                with self._open(data) as file:
                    _sound(file.read_row_group(group, columns=[column], use_threads=False), data.group_rows[group])
            except InputError:
                raise
            except DAMAGED as own:
                problems.append(self._damage(data, group, column, own))
        raise InputError(problems or [self._damage(data, group, "*", error)]) from error


def _sound(table: pa.Table, rows: int | None = None) -> pa.Table:
    """What no checksum covers, the heads of pages: as many rows as there should be, and no code beyond its words. Raises ValueError."""
    if rows is not None and table.num_rows != rows:
        raise ValueError(f"{table.num_rows} rows, {rows} in the footer")
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                edge = pc.min_max(chunk.indices).as_py()
                if edge["max"] is not None and not 0 <= edge["min"] <= edge["max"] < len(chunk.dictionary):
                    raise ValueError(f"code {edge['max']} of {len(chunk.dictionary)} words")
    return table


class _Footers:
    """Footers of the files that were read last: parsing one again and again costs more than its row group."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> Any:
        return _Footers, ()  # read anew on another machine

    def get(self, index: int, read: Callable[[], Any]) -> Any:
        """The footer of a file, read when it is not held."""
        with self._lock:
            if index in self._held:
                self._held.move_to_end(index)
                return self._held[index]
        footer = read()
        with self._lock:
            self._held[index] = footer
            while len(self._held) > _FOOTERS:
                self._held.popitem(last=False)
        return footer


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))


def changed_since(table: str, location: str) -> Problem:
    """The problem of a file that is not the one that was found when the job began."""
    return Problem(
        what="the file changed while the job ran; start the job again",
        what_zh="作业运行期间文件有改动，请重新运行",
        file=location,
        path=f"inputs.{table}",
    )


def _constant(text: str | None, kind: pa.DataType, rows: int) -> pa.ChunkedArray:
    if kind == CODED:
        codes = pa.nulls(rows, pa.int32()) if text is None else pa.repeat(pa.scalar(0, pa.int32()), rows)
        return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, pa.array([text or ""], pa.string()))])
    return pa.chunked_array([pa.repeat(pa.scalar(text, kind), rows)])


def _folder_key(folders: Mapping[str, Any], name: str, schema: Table) -> str:
    return next(key for key in folders if key == name or getattr(schema.find(key), "name", None) == name)


# ---------------------------------------------------------------------------------------------- finding


def find_datasets(
    document: JobDocument, engine: Engine, *later: Engine, more: Mapping[str, list[Column]] | None = None
) -> dict[str, Dataset]:
    """The input tables of a job; of every file only the footer is read. `later`: engines that are going to read the same tables, `more`:
    further columns that are read.

    Raises InputError with everything that is wrong in any of them: a file that is not there or is no Parquet, a column that is missing,
    of a type that cannot be read, or of types in two files that do not read the same.
    """
    tables = dict(engine.input_tables)
    for other in later:
        tables = {name: table.with_columns([*other.input_tables[name].columns]) for name, table in tables.items()}
    tables |= {name: tables[name].with_columns(columns) for name, columns in (more or {}).items()}
    tables |= {name: table for name, table in CHECK_TABLES.items() if name not in tables}
    problems: list[Problem] = []
    out = {}
    for name, entries in document.inputs.items():
        listing = find_files(entries, document.folder, name)
        problems += listing.problems
        finder = _Finder(tables[name], bool(document.rules), problems)
        out[name] = finder.dataset(listing.found, listing.notes)
    if problems:
        raise InputError(problems)
    return out


class _Finder:
    """One table: its footers, compared."""

    def __init__(self, table: Table, rules: bool, problems: list[Problem]) -> None:
        self.table, self.problems = table, problems
        further = CHECK_TABLES.get(table.name) if rules else None
        self.further = None if further is table else further
        self.notes: dict[str, None] = {}
        self.unread: dict[str, None] = {}

    def dataset(self, found: list[Found], notes: list[str]) -> Dataset:
        remote = any(is_url(file.location) for file in found)
        if remote:
            with ThreadPoolExecutor(_LISTERS) as team:
                footers = list(team.map(partial(footer_of, self.table.name), found))
        else:
            footers = [footer_of(self.table.name, file) for file in found]
        self.problems += [footer.problem for footer in footers if footer.problem is not None]
        made: dict[Any, int] = {}
        layouts: list[Layout] = []
        of_layout: list[list[Found]] = []
        files: list[DataFile] = []
        for footer in footers:
            if footer.schema is None:
                continue
            folders = tuple(partitions_of(footer.found.location))
            key = (tuple(zip(footer.schema.names, map(str, footer.schema.types))), folders)
            if key not in made:
                made[key] = len(layouts)
                layouts.append(self._layout(footer.schema, folders, footer.found.location))
                of_layout.append([])
            of_layout[made[key]].append(footer.found)
            files.append(_data_file(footer, len(files), made[key]))
        arrow = self._compared(layouts, of_layout)
        for spec in self.table.columns:
            if (spec.required and spec.name != "med_type") or (self.table.name, spec.name) == ("lines", "setl_id"):
                self._must_be_there(spec, layouts, of_layout)
        return Dataset(
            self.table.name, self.table, tuple(files), arrow, tuple(layouts), (*notes, *self.notes), tuple(self.unread)
        )

    def known(self, name: str, others: Sequence[str]) -> tuple[str, Column] | None:
        """(name in the dataset, description) of a column of a file; None for one that nobody reads."""
        own = self.further.find(name) if self.further is not None else None
        spec = self.table.find(name)
        if own is not None:
            return own.name, own
        if spec is None or spec.kind == "text":
            return None
        if spec.name != name and spec.name in others and checks_know(self.table.name, name):
            return None  # the date is there; its time of day is for checks
        return spec.name, spec

    def _layout(self, schema: pa.Schema, folders: tuple[str, ...], location: str) -> Layout:
        places: dict[str, tuple[str | None, pa.DataType]] = {}
        for name, kind in zip(schema.names, schema.types):
            pair = self.known(name, schema.names)
            if pair is None:
                self.unread[name] = None
                if self.table.find(name) is None and not checks_know(self.table.name, name):
                    self.notes[note_unknown(name, self.table)] = None
                continue
            other, spec = pair
            if other in places or schema.names.count(name) > 1:
                again = f" (it is another name of {other})" if other != name else ""
                zh = f"（它是 {other} 的别名）" if other != name else ""
                self._wrong(name, location, f"the column is there twice{again}", f"该列出现两次{zh}")
                continue
            why = refused(kind, spec)
            if why:
                self._wrong(name, location, f"the column {why}", f"该列类型不符：{why}")
                continue
            places[other] = (name, kind)
        for key in folders:
            pair = self.known(key, schema.names)
            if pair is not None and pair[0] not in places:
                places[pair[0]] = (None, pa.string())
        return Layout(places)

    def _wrong(self, column: str, file: str | None, what: str, zh: str, near: str = "") -> None:
        path = f"{self.table.name}.{column}"
        self.problems.append(Problem(what=what, what_zh=zh, file=file, path=path, nearest=near))

    def _compared(self, layouts: list[Layout], of_layout: list[list[Found]]) -> pa.Schema:
        """The columns of all files, each with the type that it is read as."""
        order = {c.name: c for c in self.table.columns}
        if self.further is not None:
            order |= {c.name: c for c in self.further.columns}
        fields = []
        for name, spec in order.items():
            held = [(i, layout.places[name]) for i, layout in enumerate(layouts) if name in layout.places]
            if not held:
                continue
            first = next((h for h in held if family(h[1][1], spec)), held[0])
            for i, (place, kind) in held:
                if family(kind, spec) not in ("", family(first[1][1], spec)):
                    there, here = of_layout[first[0]][0], of_layout[i]
                    more, zh_more = _and_more(here)
                    self._wrong(
                        place or name,
                        here[0].location,
                        f"the column is {kind}{more}, but {first[1][1]} in {there.location}: one table, one type",
                        f"该列在此为 {kind}{zh_more}，在 {there.location} 中为 {first[1][1]}：同一张表的类型应当一致",
                    )
            if not any(p.path == f"{self.table.name}.{name}" for p in self.problems):
                fields.append(pa.field(name, common_type([kind for _, (_, kind) in held], spec)))
        return pa.schema(fields)

    def _must_be_there(self, spec: Column, layouts: list[Layout], of_layout: list[list[Found]]) -> None:
        told = {p.path for p in self.problems}
        for layout, files in zip(layouts, of_layout):
            if spec.name in layout.places or f"{self.table.name}.{spec.name}" in told:
                continue
            unknown = [note.split(" ")[0].partition(".")[2] for note in self.notes]
            near = "".join(get_close_matches(spec.name, unknown, 1, 0.6))
            more, zh_more = _and_more(files)
            self._wrong(
                spec.name,
                files[0].location,
                f"the required column is missing{more}",
                f"缺少必需的列{zh_more}",
                near,
            )


def _and_more(files: Sequence[Any]) -> tuple[str, str]:
    """How many files beside the first, in both languages."""
    rest = len(files) - 1
    return (f" (and in {rest} more files)", f"（另有 {rest} 个文件）") if rest else ("", "")


def _data_file(footer: Footer, index: int, layout: int) -> DataFile:
    found = footer.found
    return DataFile(
        found.path, index, found.bytes, found.mtime_ns, footer.group_rows, footer.checksums, found.location, layout
    )
