# SPDX-License-Identifier: Apache-2.0
# What fails inside a subtest is said at the left edge as well: prove shows only what stands there.
package Findings;
use strict;
use warnings;
use Test::Builder ();
use Test2::API qw(test2_stack);

sub say_again {
  my ($hub, $event) = @_;
  return if !$hub->nested || !$event->isa('Test2::Event::Diag');
  chomp(my $text = $event->message // '');
  print STDOUT map { "# $_\n" } split /\n/, $text;
}

test2_stack->top->listen(\&say_again, inherit => 1) if $ENV{HARNESS_ACTIVE} && !$ENV{HARNESS_IS_VERBOSE};

1;
