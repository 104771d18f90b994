# Rows of the national tables as the C door takes them: what Engine.settle_one is given, without a batch around it.
#
# Only what is plainly right is read here. Whatever is not (a value out of bounds, a type that a column cannot have, a person who is in no row)
# is "not ours": nothing is told of it, and the batch path says what is wrong with it in its own words.
import datetime as _datetime
from decimal import Decimal as _Decimal

cdef enum:
    READ_TEXT, READ_ID, READ_CODE, READ_EXACT, READ_DATE, READ_FLAG
    NOT_OURS = -2

cdef object _date = _datetime.date, _datetime_type = _datetime.datetime
cdef object _date_of = _datetime.date.fromisoformat, _time_of = _datetime.datetime.fromisoformat
cdef int EPOCH = 719163  # ordinal of 1970-01-01
cdef int FIRST_DAY = -62091, LAST_DAY = 120529  # as columns/convert.py reads dates
cdef int64_t HIGHEST = 1_000_000_000_000_000_000


cdef object exact_text(str cell, int places):
    """Decimal text in units of 10^-places, as a whole number; None for a blank. NotImplemented: not such a text."""
    cdef Py_ssize_t at = 0, digits = 0, decimals = 0, kept
    cdef Py_UCS4 c
    cell = cell.strip()
    if not cell:
        return None
    cdef Py_ssize_t size = len(cell)
    if cell[0] == u"-":
        at = 1
    cdef Py_ssize_t first = at
    while at < size and u"0" <= cell[at] <= u"9":
        at += 1
    digits = at - first
    if not 1 <= digits <= 18:
        return NotImplemented
    kept = at
    if at < size:
        if cell[at] != u".":
            return NotImplemented
        at += 1
        while at < size:
            c = cell[at]
            decimals += 1
            if not u"0" <= c <= u"9" or decimals > 12 or (decimals > places and c != u"0"):
                return NotImplemented
            at += 1
        if not decimals:
            return NotImplemented
    return int(cell[:kept] + (cell[kept + 1:kept + 1 + places] if decimals else "").ljust(places, "0"))


cdef class Table:
    """The columns of one table, and how their cells are read. `columns`: (name, kind, decimals, least, most); `find`: of a schema."""

    cdef dict place
    cdef readonly Py_ssize_t size
    cdef object find
    cdef int* kind
    cdef int* decimals
    cdef int64_t* least
    cdef int64_t* most

    def __cinit__(self, columns, find):
        self.size, self.find = len(columns), find
        self.kind = <int*> calloc(self.size, sizeof(int))
        self.decimals = <int*> calloc(self.size, sizeof(int))
        self.least = <int64_t*> calloc(self.size, sizeof(int64_t))
        self.most = <int64_t*> calloc(self.size, sizeof(int64_t))
        if self.kind == NULL or self.decimals == NULL or self.least == NULL or self.most == NULL:
            raise MemoryError
        self.place = {}
        for i, (name, kind, decimals, least, most) in enumerate(columns):
            self.place[name] = i
            self.kind[i], self.decimals[i], self.least[i], self.most[i] = kind, decimals, least, most

    def __dealloc__(self):
        free(self.kind)
        free(self.decimals)
        free(self.least)
        free(self.most)

    cdef int at(self, str name):
        """Column of a name; -1: nobody reads it."""
        found = self.place.get(name)
        if found is None:
            found = -1 if self.find(name) is None else NOT_OURS  # another name of a column: the batch knows which
            if len(self.place) < 4096:
                self.place[name] = found
        return found


cdef class Row:
    """Cells of one row by column: numbers (days, flags), texts, and what they were read from."""

    cdef Table table
    cdef int64_t* number
    cdef list text

    def __cinit__(self, Table table not None):
        self.table = table
        self.number = <int64_t*> calloc(table.size, sizeof(int64_t))
        if self.number == NULL:
            raise MemoryError
        self.clear()

    def __dealloc__(self):
        free(self.number)

    cdef clear(self):
        self.text = [None] * self.table.size
        for i in range(self.table.size):
            self.number[i] = YB_MISSING

    cdef bint read(self, object row, dict kinds=None) except -1:
        """False: not ours. `kinds`: types of cells by column so far: a column has one type in all rows, as in a table."""
        self.clear()
        for name, cell in row.items():
            if type(name) is not str:
                return False
            at = self.table.at(name)
            if at == NOT_OURS:
                return False
            if at < 0 or cell is None:
                continue
            if kinds is not None and kinds.setdefault(at, type(cell)) is not type(cell):
                return False
            if not self.take(at, cell):
                return False
        return True

    cdef bint take(self, int at, object cell) except -1:
        """One cell that is there."""
        cdef int kind = self.table.kind[at]
        kind_of = type(cell)
        if kind <= READ_CODE:
            if kind_of is str:
                try:
                    self.text[at] = (<str> cell).encode() if <str> cell != "" else None
                except UnicodeEncodeError:
                    return False
                return True
            if kind_of is int and kind == READ_ID:
                self.text[at] = str(cell).encode()
                return True
            return False
        if kind == READ_FLAG:
            if kind_of is str:
                if <str> cell == "":
                    return True
                if len(<str> cell) != 1 or not u"0" <= (<str> cell)[0] <= u"9":
                    return False
                self.number[at] = <int> ((<str> cell)[0]) - 48
                return True
            if kind_of is bool or (kind_of is int and 0 <= cell <= 9):
                self.number[at] = cell
                return True
            return False
        if kind == READ_DATE:
            return self.take_day(at, cell, kind_of)
        found = cell
        if kind_of is str:
            found = exact_text(cell, self.table.decimals[at])
            if found is NotImplemented:
                return False
            if found is None:
                return True
        elif kind_of is _Decimal:
            sign, digits, exponent = cell.as_tuple()
            if not isinstance(exponent, int) or not -self.table.decimals[at] <= exponent <= 0 or len(digits) > 18:
                return False
            found = int(cell.scaleb(self.table.decimals[at]))
        elif kind_of is not int:
            return False
        if not -HIGHEST <= found <= HIGHEST:
            return False
        cdef int64_t value = found
        self.number[at] = value
        return self.table.least[at] <= value <= self.table.most[at]

    cdef bint take_day(self, int at, object cell, object kind_of) except -1:
        if kind_of is str:
            if (<str> cell) == "":
                return True
            if not (<str> cell).isascii() or not _like_a_date(cell):
                return False
            try:
                cell = _date_of(cell) if len(<str> cell) == 10 else _time_of(cell)
            except ValueError:
                return False
        elif kind_of is _datetime_type:
            if cell.tzinfo is not None:
                return False
        elif kind_of is not _date:
            return False
        cdef int day = <int> cell.toordinal() - EPOCH
        self.number[at] = day
        return FIRST_DAY <= day <= LAST_DAY


cdef bint _like_a_date(str cell):
    """YYYY-MM-DD, with HH:MM:SS after a blank or T or without."""
    cdef Py_ssize_t size = len(cell), i
    if size != 10 and size != 19:
        return False
    for i in range(size):
        if i == 4 or i == 7:
            if cell[i] != u"-":
                return False
        elif i == 10:
            if cell[i] != u" " and cell[i] != u"T":
                return False
        elif i == 13 or i == 16:
            if cell[i] != u":":
                return False
        elif not u"0" <= cell[i] <= u"9":
            return False
    return True


cdef inline int32_t day_of(Row row, int at):
    """A day of a row; `YB_NO_DAY` where it has none."""
    return YB_NO_DAY if at < 0 or row.number[at] == YB_MISSING else <int32_t> row.number[at]


cdef _put_in_order(list rows, int kind, int begin, int end):
    """Rows of persons by scheme as text, then by their days."""
    cdef Row row
    cdef list keys = []
    for i in range(len(rows)):
        row = rows[i]
        last = day_of(row, end)
        keys.append((row.text[kind] or b"", day_of(row, begin), HIGHEST if last == YB_NO_DAY else last, i))
    rows[:] = [rows[key[3]] for key in sorted(keys)]


cdef bint _overlap(list rows, int key, int second, int begin, int end) except -1:
    """Two rows of a key (and second key) that hold on one day."""
    cdef Row a, b
    for i in range(1, len(rows)):
        a = rows[i]
        for j in range(i):
            b = rows[j]
            if a.text[key] != b.text[key] or a.text[key] is None or (second >= 0 and a.text[second] != b.text[second]):
                continue
            last_a, last_b = day_of(a, end), day_of(b, end)
            if (last_b == YB_NO_DAY or day_of(a, begin) < last_b) and (last_a == YB_NO_DAY or day_of(b, begin) < last_a):
                return True
    return False
