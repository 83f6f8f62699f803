# SPDX-License-Identifier: Apache-2.0
# What fails inside a subtest, and what a test dies of, is said at the left edge as a comment as well: prove
# shows nothing else.
package Findings;
use strict;
use warnings;
use Test::Builder ();
use Test2::API qw(test2_stack);

sub say_again {
  my ($hub, $event) = @_;
  return if !$hub->nested || !$event->isa('Test2::Event::Diag');
  comment($event->message // '');
}

sub comment { print STDOUT map { "# $_\n" } split /\n/, $_[0] }

if ($ENV{HARNESS_ACTIVE} && !$ENV{HARNESS_IS_VERBOSE}) {
  test2_stack->top->listen(\&say_again, inherit => 1);
  $SIG{__DIE__} = sub { comment("died: $_[0]") if defined $^S && !$^S };
}

1;
