# One visit of rows through the C door: see rows.pxi for how cells are read, ybcore.settling.window for who asks.
cdef tuple LINE_REASONS = tuple(yb_line_reason(i).decode() for i in range(6))
cdef tuple CLASSES = ("", "01", "02", "03")


cdef class Window:
    """A desk that takes rows of tables and gives rows of results; for one thread at a time. `told`: see ybcore.settling.window."""

    cdef Desk desk
    cdef readonly Image image
    cdef Table visits, persons, institutions, lines
    cdef Row visit, person, institution, line
    cdef list people
    cdef yb_state* state
    cdef yb_fact* facts
    cdef Py_ssize_t fact_room, room
    cdef yb_line* rows
    cdef yb_line_result* told
    cdef yb_movement* moves
    cdef Py_ssize_t move_room
    cdef list asked, numbers, ids, payers, natures, tag_columns
    cdef tuple v, p, i, l
    cdef bint households, mutual_aid
    cdef int policy_rule, by_discharge
    cdef list kept
    cdef readonly int code

    def __cinit__(self, Image image not None, layout):
        self.image, self.desk = image, Desk(image)
        cdef yb_code code = yb_state_new(image.own, &self.state)
        if code == YB_OK:
            code = yb_state_reserve(self.state, 64)
        if code != YB_OK:
            raise refusal(code, NULL)
        self.visits, self.persons, self.institutions, self.lines = (Table(*layout[name]) for name in ("visits", "persons", "institutions", "lines"))
        self.visit, self.person = Row(self.visits), Row(self.persons)
        self.institution, self.line = Row(self.institutions), Row(self.lines)
        where = {"visits": (0, self.visits), "persons": (1, self.persons), "institutions": (2, self.institutions)}
        self.asked = []
        for name, number, tables in layout["facts"]:
            which = yb_image_fact(image.own, text(utf8(name)))
            columns = [(where[t][0], (<Table> where[t][1]).place[name]) for t in tables if name in (<Table> where[t][1]).place]
            if which >= 0 and columns:
                self.asked.append((which, number, columns))
        self.fact_room = len(self.asked)
        self.facts = <yb_fact*> calloc(self.fact_room + 1, sizeof(yb_fact))
        if self.facts == NULL:
            raise MemoryError
        place = self.visits.place
        self.v = tuple(place[n] for n in ("setl_id", "psn_no", "med_type", "setl_time", "begndate", "enddate", "ipt_days", "fixmedins_code", "insutype",
                                          "acct_used_flag", "refd_setl_flag", "medfee_sumamt", "balc", "hsld_no", "mulaid_psn_no", "brdy"))
        self.ids = [(n, place[n]) for n in IDS]
        self.natures, self.payers = [place[n] for n in layout["natures"]], [place[n] for n in layout["payers"]]
        self.tag_columns = [place[n] for n in layout["tags"]]
        place = self.persons.place
        self.p = tuple(place[n] for n in ("psn_no", "begndate", "enddate", "insutype", "balc", "hsld_no", "mulaid_psn_no", "brdy"))
        place = self.institutions.place
        self.i = tuple(place[n] for n in ("fixmedins_code", "begndate", "enddate"))
        place = self.lines.place
        self.l = tuple(place[n] for n in ("med_list_codg", "fee_ocur_time", "cnt", "pric", "det_item_fee_sumamt", "hosp_appr_flag", "deny_flag"))
        self.numbers = [(n, _place[n]) for n in layout["numbers"]]
        self.households, self.mutual_aid = layout["shares"]
        self.policy_rule, self.by_discharge = layout["rules"]

    def __dealloc__(self):
        if self.state != NULL:
            yb_state_free(self.state)
        free(self.facts)
        free(self.rows)
        free(self.told)
        free(self.moves)

    def settle(self, bytes opening, known, visit, lines, persons, institutions, bint pre, moves):
        """(row, rows of lines, bytes of the closing state or None with `pre`); None: not ours.

        `opening`: bytes of a state. `known`: a call that names whose accounts are in it. `moves`: None, or a call that gives the movements on
        accounts for (day of the visit in the order, persons as (psn_no, opening balance)), or None: not ours.
        """
        self.code = YB_OK
        self.kept = []
        if not self.visit.read(visit):
            return None
        cdef yb_visit asked
        memset(&asked, 0, sizeof(yb_visit))
        if not self.take_visit(&asked, visit, lines):
            return None
        cdef int32_t begin = asked.setl_day if asked.begndate == YB_NO_DAY else asked.begndate
        cdef int32_t end = asked.setl_day if asked.enddate == YB_NO_DAY else asked.enddate
        cdef int32_t day = asked.setl_day if self.policy_rule == 0 else end if self.policy_rule == 1 else begin
        cdef bint has_person = persons is not None
        if (has_person and not self.find_person(persons, day, known)) or not self.find_institution(institutions, day):
            return None
        # A stay that is settled in parts has facts in each of them; the batch finds other rows where these do not hold throughout.
        if lines and begin < end and not (_throughout(self.institution, self.i[1], self.i[2], begin, end) and (
                not has_person or _throughout(self.person, self.p[1], self.p[2], begin, end))):
            return None
        cdef bytes who = <bytes> self.visit.text[<int> self.v[1]]
        cdef bytes donor = self.donor_of(has_person)
        cdef bytes house = self.visit.text[<int> self.v[13]]
        if self.households:
            if house is None and has_person:
                house = self.person.text[<int> self.p[5]]
            asked.hsld_no = text(house)
        else:
            asked.hsld_no = text(None)
        asked.mulaid_psn_no = text(donor)
        balances = self.balances(&asked, who, donor, has_person)
        if not self.take_moves(&asked, moves, end if self.by_discharge else asked.setl_day, balances):
            return None
        self.take_facts(&asked, has_person, institutions is not None)
        cdef int64_t given[9]
        if self.take_given(given):
            asked.given = given
        rows = self.take_lines(lines)
        if rows is None:
            return None
        return self.run(opening, &asked, visit, rows, lines, pre)

    cdef bint take_visit(self, yb_visit* out, object visit, object lines) except -1:
        cdef Row row = self.visit
        cdef bint back = row.number[<int> self.v[10]] == 1
        cdef bint given = False
        out.size, out.version, out.combination = sizeof(yb_visit), UINT64_MAX, -1
        out.reversal = back
        for name, at in self.ids:
            put_id(out, name, text(row.text[<int> at]))
        if row.text[<int> self.v[0]] is None or row.text[<int> self.v[1]] is None or (row.text[<int> self.v[2]] is None and not back):
            return False
        if back and lines:
            return False
        out.setl_day, out.begndate, out.enddate = day_of(row, self.v[3]), day_of(row, self.v[4]), day_of(row, self.v[5])
        if out.setl_day == YB_NO_DAY:
            return False
        cdef int64_t days = row.number[<int> self.v[6]]
        out.ipt_days = -1 if days == YB_MISSING else <int32_t> days
        out.brdy = day_of(row, self.v[15])
        out.acct_used = row.number[<int> self.v[9]] != 0
        for i in range(5):
            amount = row.number[<int> self.natures[i]]
            given |= amount != YB_MISSING
            out.natures[i] = 0 if amount == YB_MISSING else amount
        out.medfee = row.number[<int> self.v[11]]
        out.has_natures = given or out.medfee != YB_MISSING
        for at in self.tag_columns:
            if row.number[<int> at] != YB_MISSING:
                return False
        return True

    cdef bint find_person(self, object persons, int32_t day, object known) except -1:
        """Looks for the row that holds. Not ours: nobody does, or people who are joined and of whom the state knows nothing yet."""
        cdef Row row
        cdef bint one = False
        cdef dict kinds = {} if len(persons) > 1 else None
        who, insutype = self.visit.text[<int> self.v[1]], self.visit.text[<int> self.v[8]]
        self.people = []
        for given in persons:
            row = self.person if len(persons) == 1 else Row(self.persons)
            if not row.read(given, kinds) or row.text[<int> self.p[0]] is None:
                return False
            self.people.append(row)
        if _overlap(self.people, self.p[0], self.p[3], self.p[1], self.p[2]):
            return False
        if len(self.people) > 1:
            _put_in_order(self.people, self.p[3], self.p[1], self.p[2])
        for row in self.people:
            begin, end = day_of(row, self.p[1]), day_of(row, self.p[2])
            if row.text[<int> self.p[0]] == who and begin <= day and (end == YB_NO_DAY or day < end) and (
                    insutype is None or row.text[<int> self.p[3]] == insutype):
                self.person, one = row, True
                break
        if not one or not (self.households or self.mutual_aid):
            return one
        joined = set()
        for row in self.people:
            joined.add(row.text[<int> self.p[0]])
            if self.mutual_aid:
                joined.add(row.text[<int> self.p[6]])
        joined -= {None, who, self.donor_of(True)}
        return not joined or joined <= known()

    cdef bytes donor_of(self, bint has_person):
        if not self.mutual_aid:
            return None
        donor = self.visit.text[<int> self.v[14]]
        return self.person.text[<int> self.p[6]] if donor is None and has_person else donor

    cdef tuple balances(self, yb_visit* out, bytes who, bytes donor, bint has_person):
        """Opening balances, for whom the state does not know: of a person's first row, without a row of the visit."""
        cdef Row row
        cdef bint mine = False, theirs = False
        out.balc, out.mulaid_balc = self.visit.number[<int> self.v[12]], YB_MISSING
        if has_person:
            out.balc = YB_MISSING
            for row in self.people:
                if not mine and row.text[<int> self.p[0]] == who:
                    mine, out.balc = True, row.number[<int> self.p[4]]
                if not theirs and donor is not None and row.text[<int> self.p[0]] == donor:
                    theirs, out.mulaid_balc = True, row.number[<int> self.p[4]]
        return (who, 0 if out.balc == YB_MISSING else out.balc), (donor, 0 if out.mulaid_balc == YB_MISSING else out.mulaid_balc)

    cdef bint find_institution(self, object institutions, int32_t day) except -1:
        cdef Row row
        self.institution.clear()
        if institutions is None:
            return True
        code = self.visit.text[<int> self.v[7]]
        cdef list rows = []
        cdef dict kinds = {} if len(institutions) > 1 else None
        for given in institutions:
            row = self.institution if len(institutions) == 1 else Row(self.institutions)
            if not row.read(given, kinds):
                return False
            rows.append(row)
        if _overlap(rows, self.i[0], -1, self.i[1], self.i[2]):
            return False
        for row in rows:
            if code is not None and row.text[<int> self.i[0]] == code:
                begin, end = day_of(row, self.i[1]), day_of(row, self.i[2])
                if begin <= day and (end == YB_NO_DAY or day < end):
                    self.institution = row
                    return True
        if rows and code is not None:
            return False  # an unknown institution is told by a flag that the door does not have
        self.institution.clear()
        return True

    cdef bint take_moves(self, yb_visit* out, object moves, int32_t day, tuple balances) except -1:
        out.movements_known = 1
        if moves is None:
            return True
        found = moves(day, [(who.decode(), balance) for who, balance in balances if who is not None])
        if found is None:
            return False
        cdef Py_ssize_t count = len(found)
        if count > self.move_room:
            free(self.moves)
            self.moves = <yb_movement*> calloc(count, sizeof(yb_movement))
            self.move_room = 0 if self.moves == NULL else count
            if self.moves == NULL:
                raise MemoryError
        for i in range(count):
            who, when, kind, amount = found[i]
            held = utf8(who)
            self.kept.append(held)
            self.moves[i].psn_no = text(held)
            self.moves[i].day, self.moves[i].kind, self.moves[i].amount = when, kind, amount
        out.movements, out.movement_count = self.moves, count
        return True

    cdef take_facts(self, yb_visit* out, bint has_person, bint has_institution):
        cdef Row row
        cdef size_t count = 0
        if out.brdy == YB_NO_DAY and has_person:
            out.brdy = day_of(self.person, self.p[7])
        for which, number, columns in self.asked:
            for table, at in columns:
                if table == 1 and not has_person:
                    continue
                row = self.visit if table == 0 else self.person if table == 1 else self.institution
                if number:
                    if row.number[<int> at] == YB_MISSING:
                        continue
                    self.facts[count].text = text(None)
                    self.facts[count].number = row.number[<int> at]
                else:
                    held = row.text[<int> at]
                    if held is None:
                        if row.number[<int> at] == YB_MISSING:
                            continue
                        held = str(row.number[<int> at]).encode()
                        self.kept.append(held)
                    self.facts[count].text = text(held)
                    self.facts[count].number = YB_MISSING
                self.facts[count].which = which
                count += 1
                break
        out.facts, out.fact_count = self.facts, count

    cdef bint take_given(self, int64_t* given):
        cdef bint some = False
        for i in range(9):
            amount = self.visit.number[<int> self.payers[i]]
            given[i] = 0 if amount == YB_MISSING else amount
            some |= amount != YB_MISSING
        return some

    cdef take_lines(self, object lines):
        """How many lines, and whether they name themselves; None: not ours."""
        cdef Py_ssize_t count = len(lines) if lines else 0, i
        cdef Row row = self.line
        if count > self.room:
            free(self.rows)
            free(self.told)
            self.rows = <yb_line*> calloc(2 * count, sizeof(yb_line))
            self.told = <yb_line_result*> calloc(2 * count, sizeof(yb_line_result))
            self.room = 2 * count if self.rows != NULL and self.told != NULL else 0
            if self.room == 0:
                raise MemoryError
        own = self.visit.text[<int> self.v[0]]
        cdef dict kinds = {}
        cdef dict names = {}
        cdef bint named = False
        cdef list back = None
        for i in range(count):
            row.clear()
            for name, cell in (<object> lines[i]).items():
                if type(name) is not str:
                    return None
                at = self.lines.at(name)
                if at == NOT_OURS:
                    return None
                named |= name == "feedetl_sn"
                if cell is None and name == "setl_id":
                    return None
                if at < 0 or cell is None:
                    continue
                kind = type(cell)
                if kinds.setdefault(at, kind) is not kind or not row.take(at, cell):
                    return None
                if name == "setl_id":
                    if row.text[at] != own:
                        return None
                elif name == "feedetl_sn":
                    if kind is int and not -HIGHEST <= cell <= HIGHEST:
                        return None
                    names[cell] = NOT_OURS if cell in names else i
                elif name == "init_feedetl_sn" and cell != "":
                    back = [] if back is None else back
                    back.append((i, cell))
            code = row.text[<int> self.l[0]]
            amount = row.number[<int> self.l[4]]
            if code is None or amount == YB_MISSING or kinds[self.lines.place["med_list_codg"]] is not str:
                return None
            self.kept.append(code)
            self.rows[i].code = text(code)
            self.rows[i].item, self.rows[i].returns = -1, -1
            self.rows[i].day, self.rows[i].quantity = day_of(row, self.l[1]), row.number[<int> self.l[2]]
            self.rows[i].amount, self.rows[i].price = amount, row.number[<int> self.l[3]]
            self.rows[i].deny = row.number[<int> self.l[6]] == 1
            self.rows[i].approved = 2 if row.number[<int> self.l[5]] == 2 else 0
        place = self.lines.place
        if back is not None and named and kinds.get(place["feedetl_sn"]) is not kinds[place["init_feedetl_sn"]]:
            return None
        for i, cell in back or ():
            at = names.get(cell, -1)
            if at == NOT_OURS:
                return None
            self.rows[i].returns = at
        return count, named

    cdef run(self, bytes opening, yb_visit* asked, object visit, tuple rows, object lines, bint pre):
        cdef Py_ssize_t count = rows[0]
        cdef yb_result result
        cdef yb_code code
        memset(&result, 0, sizeof(yb_result))
        result.size = sizeof(yb_result)
        code = yb_state_read(self.state, <const char*> opening, len(opening))
        if code == YB_OK:
            code = yb_settle(self.desk.own, self.state, asked, self.rows, count, &result, self.told, self.state)
        self.code = code
        if code != YB_OK:
            return None
        out = {"setl_id": visit["setl_id"], "psn_no": visit["psn_no"], "outcome": OUTCOMES[result.outcome], "reason": yb_reason(result.reason).decode(),
               "flags": result.flags, "policy_id": told(result.policy_id), "plan_id": told(result.plan_id)}
        for name, at in self.numbers:
            out[name] = result.columns[<int> at]
        told_rows = [self.line_row(i, out["setl_id"], lines[i], rows[1]) for i in range(count)]
        return out, told_rows, None if pre else self.closing_bytes(len(opening))

    cdef dict line_row(self, Py_ssize_t i, object own, object line, bint named):
        cdef yb_line_result* told_line = &self.told[i]
        out = {"setl_id": own}
        if named:
            out["feedetl_sn"] = line.get("feedetl_sn")
        out["det_item_fee_sumamt"] = self.rows[i].amount
        out["fulamt_ownpay_amt"], out["overlmt_amt"] = told_line.fulamt_ownpay_amt, told_line.overlmt_amt
        out["preselfpay_amt"], out["inscp_scp_amt"] = told_line.preselfpay_amt, told_line.inscp_scp_amt
        out["chrgitm_lv"], out["selfpay_prop"] = CLASSES[told_line.chrgitm_lv], told_line.selfpay_prop
        out["pric_uplmt_amt"] = None if told_line.pric_uplmt_amt == YB_MISSING else told_line.pric_uplmt_amt
        out["reason"] = LINE_REASONS[told_line.reason]
        return out

    cdef bytes closing_bytes(self, size_t about):
        """The closing state; one more settlement than the opening one as a rule, so that it need not be written twice."""
        cdef size_t size = about + 2048
        out = bytearray(size)
        cdef unsigned char[::1] at = out
        code = yb_state_write(self.state, &at[0], &size)
        if code == YB_BAD_ARGUMENT and size > <size_t> len(out):
            out = bytearray(size)
            at = out
            code = yb_state_write(self.state, &at[0], &size)
        if code != YB_OK:
            raise refusal(code, NULL)
        return bytes(at[:size])


cdef bint _throughout(Row row, int begin, int end, int32_t first, int32_t last):
    return day_of(row, begin) <= first and (day_of(row, end) == YB_NO_DAY or last < day_of(row, end))
