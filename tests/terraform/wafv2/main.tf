# What a team's WAF module looks like: every resource of the provider for wafv2 but logging and API keys, and the data sources.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "revision" {
  type    = string
  default = "one"
}

variable "blocked" {
  type    = list(string)
  default = ["192.0.2.0/24", "198.51.100.7/32"]
}

# Endpoint and credentials come from the environment, as every AWS client finds them.
provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  default_tags {
    tags = { managed = "terraform", revision = var.revision }
  }
}

data "aws_caller_identity" "me" {}

resource "aws_wafv2_ip_set" "blocked" {
  name               = "tf-blocked"
  description        = "who is kept out, revision ${var.revision}"
  scope              = "REGIONAL"
  ip_address_version = "IPV4"
  addresses          = var.blocked
}

resource "aws_wafv2_ip_set" "everywhere" {
  name               = "tf-everywhere"
  scope              = "CLOUDFRONT"
  ip_address_version = "IPV6"
  addresses          = ["2001:db8::/32"]
}

resource "aws_wafv2_regex_pattern_set" "paths" {
  name  = "tf-paths"
  scope = "REGIONAL"
  regular_expression {
    regex_string = "^/admin"
  }
  regular_expression {
    regex_string = "\\.(php|cgi)$"
  }
}

resource "aws_wafv2_rule_group" "ours" {
  name     = "tf-ours"
  scope    = "REGIONAL"
  capacity = 150

  custom_response_body {
    key          = "sorry"
    content      = "not for you"
    content_type = "TEXT_PLAIN"
  }

  rule {
    name     = "listed"
    priority = 1
    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = "sorry"
        }
      }
    }
    rule_label {
      name = "listed"
    }
    statement {
      ip_set_reference_statement {
        arn = aws_wafv2_ip_set.blocked.arn
        ip_set_forwarded_ip_config {
          fallback_behavior = "NO_MATCH"
          header_name       = "X-Forwarded-For"
          position          = "FIRST"
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = false
      metric_name                = "listed"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "paths"
    priority = 2
    action {
      count {}
    }
    statement {
      regex_pattern_set_reference_statement {
        arn = aws_wafv2_regex_pattern_set.paths.arn
        field_to_match {
          uri_path {}
        }
        text_transformation {
          priority = 1
          type     = "NORMALIZE_PATH"
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = false
      metric_name                = "paths"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "ours"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl" "shop" {
  name        = "tf-shop"
  description = "of the shop, revision ${var.revision}"
  scope       = "REGIONAL"

  default_action {
    allow {
      custom_request_handling {
        insert_header {
          name  = "seen"
          value = "yes"
        }
      }
    }
  }

  token_domains = ["shop.example.com"]

  challenge_config {
    immunity_time_property {
      immunity_time = 600
    }
  }

  association_config {
    request_body {
      api_gateway {
        default_size_inspection_limit = "KB_32"
      }
    }
  }

  custom_response_body {
    key          = "no"
    content      = "{\"no\": true}"
    content_type = "APPLICATION_JSON"
  }

  rule {
    name     = "ours"
    priority = 1
    override_action {
      none {}
    }
    statement {
      rule_group_reference_statement {
        arn = aws_wafv2_rule_group.ours.arn
        rule_action_override {
          name = "paths"
          action_to_use {
            block {}
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "ours"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "common"
    priority = 2
    override_action {
      count {}
    }
    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesCommonRuleSet"
        vendor_name = "AWS"
        rule_action_override {
          name = "SizeRestrictions_BODY"
          action_to_use {
            count {}
          }
        }
        scope_down_statement {
          not_statement {
            statement {
              geo_match_statement {
                country_codes = ["AU", "NZ"]
              }
            }
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "common"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "attacks"
    priority = 3
    action {
      block {
        custom_response {
          response_code            = 403
          custom_response_body_key = "no"
        }
      }
    }
    rule_label {
      name = "attack"
    }
    statement {
      or_statement {
        statement {
          sqli_match_statement {
            sensitivity_level = "HIGH"
            field_to_match {
              body {
                oversize_handling = "MATCH"
              }
            }
            text_transformation {
              priority = 1
              type     = "URL_DECODE"
            }
            text_transformation {
              priority = 2
              type     = "HTML_ENTITY_DECODE"
            }
          }
        }
        statement {
          xss_match_statement {
            field_to_match {
              all_query_arguments {}
            }
            text_transformation {
              priority = 1
              type     = "URL_DECODE"
            }
          }
        }
        statement {
          and_statement {
            statement {
              byte_match_statement {
                positional_constraint = "STARTS_WITH"
                search_string         = "/api"
                field_to_match {
                  uri_path {}
                }
                text_transformation {
                  priority = 1
                  type     = "LOWERCASE"
                }
              }
            }
            statement {
              size_constraint_statement {
                comparison_operator = "GT"
                size                = 1024
                field_to_match {
                  json_body {
                    match_scope               = "VALUE"
                    invalid_fallback_behavior = "MATCH"
                    oversize_handling         = "CONTINUE"
                    match_pattern {
                      included_paths = ["/comment"]
                    }
                  }
                }
                text_transformation {
                  priority = 1
                  type     = "NONE"
                }
              }
            }
          }
        }
        statement {
          regex_match_statement {
            regex_string = "^curl/"
            field_to_match {
              single_header {
                name = "user-agent"
              }
            }
            text_transformation {
              priority = 1
              type     = "NONE"
            }
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = false
      metric_name                = "attacks"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "often"
    priority = 4
    action {
      challenge {}
    }
    statement {
      rate_based_statement {
        limit                 = 500
        evaluation_window_sec = 120
        aggregate_key_type    = "CUSTOM_KEYS"
        custom_key {
          ip {}
        }
        custom_key {
          header {
            name = "x-tenant"
            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
        scope_down_statement {
          label_match_statement {
            scope = "LABEL"
            key   = "awswaf:managed:aws:core-rule-set:NoUserAgent_Header"
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = false
      metric_name                = "often"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "shop"
    sampled_requests_enabled   = true
  }
}

# There are no load balancers here: what stands in their place is told by this name.
resource "aws_wafv2_web_acl_association" "shop" {
  resource_arn = "arn:aws:elasticloadbalancing:us-east-1:${data.aws_caller_identity.me.account_id}:loadbalancer/app/shop/50dc6c495c0c9188"
  web_acl_arn  = aws_wafv2_web_acl.shop.arn
}

data "aws_wafv2_web_acl" "shop" {
  name       = aws_wafv2_web_acl.shop.name
  scope      = "REGIONAL"
  depends_on = [aws_wafv2_web_acl.shop]
}

data "aws_wafv2_ip_set" "blocked" {
  name       = aws_wafv2_ip_set.blocked.name
  scope      = "REGIONAL"
  depends_on = [aws_wafv2_ip_set.blocked]
}

data "aws_wafv2_rule_group" "ours" {
  name       = aws_wafv2_rule_group.ours.name
  scope      = "REGIONAL"
  depends_on = [aws_wafv2_rule_group.ours]
}

data "aws_wafv2_regex_pattern_set" "paths" {
  name       = aws_wafv2_regex_pattern_set.paths.name
  scope      = "REGIONAL"
  depends_on = [aws_wafv2_regex_pattern_set.paths]
}

output "acl" {
  value = aws_wafv2_web_acl.shop.arn
}

output "capacity" {
  value = aws_wafv2_web_acl.shop.capacity
}

output "by_name" {
  value = [data.aws_wafv2_web_acl.shop.arn, data.aws_wafv2_ip_set.blocked.arn, data.aws_wafv2_rule_group.ours.arn, data.aws_wafv2_regex_pattern_set.paths.arn]
}

output "made" {
  value = [aws_wafv2_web_acl.shop.arn, aws_wafv2_ip_set.blocked.arn, aws_wafv2_rule_group.ours.arn, aws_wafv2_regex_pattern_set.paths.arn]
}
