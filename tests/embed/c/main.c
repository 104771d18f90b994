/* A window: settles visits of one person over an image and prints what each came to. A stranger's program: it knows ybcore.h alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ybcore/ybcore.h"

static yb_text text(const char* of) {
  yb_text out;
  out.at = of;
  out.size = strlen(of);
  return out;
}

static void must(yb_code code, const yb_desk* desk) {
  if (code == YB_OK) return;
  fprintf(stderr, "%s: %s\n", yb_sentence(code, 0), desk ? yb_why(desk) : "");
  exit(2);
}

static int column(const char* name) {
  int i;
  for (i = 0; yb_column(i); ++i)
    if (strcmp(yb_column(i), name) == 0) return i;
  exit(3);
}

static void say(const char* what, const yb_result* r) {
  printf("%s %s %" PRId64 " %" PRId64 " %" PRIu64 "\n", what, r->outcome == 0 ? "settled" : yb_reason(r->reason),
         r->columns[column("hifp_pay")], r->columns[column("psn_cash_pay")], r->version);
}

int main(int argc, char** argv) {
  yb_image* image;
  yb_desk* desk;
  yb_state *state, *other;
  yb_fact fact;
  yb_visit visit;
  yb_line lines[2];
  yb_line_result told[2];
  yb_result result;
  unsigned char bytes[65536];
  size_t size = sizeof bytes;
  if (argc != 2 || yb_abi() != YB_ABI) return 1;
  must(yb_image_open(argv[1], &image), NULL);
  must(yb_desk_new(image, &desk), NULL);
  must(yb_state_new(image, &state), NULL);
  must(yb_state_new(image, &other), NULL);

  memset(&visit, 0, sizeof visit);
  visit.size = sizeof visit;
  visit.version = UINT64_MAX;
  visit.setl_id = text("S1");
  visit.psn_no = text("P1");
  visit.setl_day = 19800; /* 2024-03-18 */
  visit.begndate = visit.enddate = visit.brdy = YB_NO_DAY;
  visit.ipt_days = visit.combination = -1;
  visit.acct_used = 1;
  visit.medfee = visit.balc = visit.mulaid_balc = YB_MISSING;
  visit.movements_known = 1;
  fact.which = yb_image_fact(image, text("med_type"));
  fact.text = text("11");
  fact.number = YB_MISSING;
  visit.facts = &fact;
  visit.fact_count = 1;
  memset(lines, 0, sizeof lines);
  lines[0].code = text("XA");
  lines[1].item = yb_image_item(image, text("XB"));
  lines[0].day = lines[1].day = YB_NO_DAY;
  lines[0].quantity = lines[1].quantity = lines[0].price = lines[1].price = YB_MISSING;
  lines[0].amount = 8000;
  lines[1].amount = 10000;
  lines[0].returns = lines[1].returns = -1;
  result.size = sizeof result;

  must(yb_settle(desk, state, &visit, lines, 2, &result, told, NULL), desk);
  say("asked", &result);
  must(yb_settle(desk, state, &visit, lines, 2, &result, told, state), desk);
  say("paid", &result);
  printf("lines %" PRId64 " %" PRId64 "\n", told[0].inscp_scp_amt, told[1].preselfpay_amt);
  must(yb_settle(desk, state, &visit, lines, 2, &result, NULL, other), desk);
  say("again", &result);

  must(yb_combination(desk, &visit, &visit.combination), desk);
  visit.setl_id = text("S2");
  visit.fact_count = 0;
  visit.version = 1;
  must(yb_settle(desk, state, &visit, lines, 1, &result, NULL, other), desk);
  say("second", &result);
  if (yb_settle(desk, other, &visit, lines, 1, &result, NULL, other) != YB_STALE) return 4;
  printf("stale %s\n", yb_why(desk));

  must(yb_state_write(other, bytes, &size), NULL);
  must(yb_state_read(state, bytes, size), NULL);
  visit.version = 2;
  visit.reversal = 1;
  visit.setl_id = text("R1");
  visit.init_setl_id = text("S1");
  must(yb_settle(desk, state, &visit, NULL, 0, &result, NULL, state), desk);
  say("back", &result);

  yb_state_free(other);
  yb_state_free(state);
  yb_desk_free(desk);
  yb_image_close(image);
  return 0;
}
