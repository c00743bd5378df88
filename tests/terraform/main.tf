# What a team's IAM module looks like: everything the provider has for identities, put, read back and taken away.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "prefix" {
  type    = string
  default = "tf"
}

variable "revision" {
  type    = string
  default = "one"
}

# Endpoint, region and credentials come from the environment, as every AWS client finds them.
provider "aws" {
  skip_metadata_api_check = true
  default_tags {
    tags = { managed = "terraform", revision = var.revision }
  }
}

data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}

data "aws_iam_policy" "read_only" {
  arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

data "aws_iam_policy" "by_name" {
  name = "AmazonS3ReadOnlyAccess"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.here.partition}:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["agreed"]
    }
  }
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "objects" {
  statement {
    sid       = "Objects"
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["arn:aws:s3:::bucket/$${aws:username}/*"]
  }
  statement {
    sid       = "Nothing"
    effect    = "Deny"
    actions   = ["s3:DeleteBucket"]
    resources = ["*"]
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_iam_policy" "objects" {
  name        = "${var.prefix}-objects"
  path        = "/team/"
  description = "objects of one's own (${var.prefix})"
  policy      = data.aws_iam_policy_document.objects.json
  tags        = { kind = "policy" }
}

resource "aws_iam_policy" "boundary" {
  name   = "${var.prefix}-boundary"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:*", "iam:Get*"], Resource = "*" }] })
}

resource "aws_iam_user" "people" {
  for_each             = toset(["ann", "bob", "cid"])
  name                 = "${var.prefix}-${each.key}"
  path                 = "/people/"
  permissions_boundary = each.key == "cid" ? aws_iam_policy.boundary.arn : null
  force_destroy        = true
  tags                 = { person = each.key, revision = var.revision }
}

resource "aws_iam_group" "makers" {
  name = "${var.prefix}-makers"
  path = "/groups/"
}

resource "aws_iam_group" "readers" {
  name = "${var.prefix}-readers"
}

resource "aws_iam_group_membership" "makers" {
  name  = "makers"
  group = aws_iam_group.makers.name
  users = [for user in aws_iam_user.people : user.name]
}

resource "aws_iam_user_group_membership" "ann" {
  user   = aws_iam_user.people["ann"].name
  groups = [aws_iam_group.readers.name]
}

resource "aws_iam_group_policy" "makers" {
  name   = "inline"
  group  = aws_iam_group.makers.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:ListBucket", Resource = "*" }] })
}

resource "aws_iam_group_policy_attachment" "readers" {
  group      = aws_iam_group.readers.name
  policy_arn = data.aws_iam_policy.read_only.arn
}

resource "aws_iam_user_policy" "ann" {
  name   = "inline"
  user   = aws_iam_user.people["ann"].name
  policy = data.aws_iam_policy_document.objects.json
}

resource "aws_iam_user_policy_attachment" "ann" {
  user       = aws_iam_user.people["ann"].name
  policy_arn = aws_iam_policy.objects.arn
}

resource "aws_iam_access_key" "ann" {
  user = aws_iam_user.people["ann"].name
}

resource "aws_iam_role" "app" {
  name                 = "${var.prefix}-app"
  path                 = "/apps/"
  description          = "runs the app, revision ${var.revision}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.boundary.arn
  tags                 = { kind = "role" }
}

resource "aws_iam_role_policy" "app" {
  name_prefix = "inline-"
  role        = aws_iam_role.app.id
  policy      = data.aws_iam_policy_document.objects.json
}

resource "aws_iam_role_policy_attachment" "app" {
  for_each   = { own = aws_iam_policy.objects.arn, aws = data.aws_iam_policy.by_name.arn }
  role       = aws_iam_role.app.name
  policy_arn = each.value
}

resource "aws_iam_instance_profile" "app" {
  name = "${var.prefix}-app"
  path = "/apps/"
  role = aws_iam_role.app.name
  tags = { kind = "profile" }
}

resource "aws_iam_account_alias" "alias" {
  account_alias = "${var.prefix}-${data.aws_caller_identity.me.account_id}"
}

data "aws_iam_role" "app" {
  name       = aws_iam_role.app.name
  depends_on = [aws_iam_role_policy.app]
}

data "aws_iam_user" "ann" {
  user_name  = aws_iam_user.people["ann"].name
  depends_on = [aws_iam_access_key.ann]
}

data "aws_iam_group" "makers" {
  group_name = aws_iam_group.makers.name
  depends_on = [aws_iam_group_membership.makers]
}

data "aws_iam_users" "people" {
  path_prefix = "/people/"
  depends_on  = [aws_iam_user.people]
}

data "aws_iam_roles" "apps" {
  path_prefix = "/apps/"
  depends_on  = [aws_iam_role.app]
}

data "aws_iam_instance_profile" "app" {
  name       = aws_iam_instance_profile.app.name
  depends_on = [aws_iam_instance_profile.app]
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "members" {
  value = sort([for user in data.aws_iam_group.makers.users : user.user_name])
}

output "people" {
  value = sort(data.aws_iam_users.people.names)
}

output "role" {
  value = data.aws_iam_role.app.arn
}

output "key_id" {
  value = aws_iam_access_key.ann.id
}

output "key_secret" {
  value     = aws_iam_access_key.ann.secret
  sensitive = true
}
